package plan

import (
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// describeScan prints a scan with all that was pushed down into it.
func describeScan(n *Scan, d *details) string {
	title := "Scan " + n.Table.Name
	if n.Table.Schema != "public" {
		title = "Scan " + n.Table.Schema + "." + n.Table.Name
	}
	if n.Alias != "" && n.Alias != n.Table.Name {
		title += " " + quoteIdent(n.Alias)
	}
	if s := n.Samples; s != nil && s.Summaries != nil {
		title += " (by summary)"
	}
	if !wholeTable(n) {
		names := make([]string, len(n.Columns))
		for i, c := range n.Columns {
			names[i] = quoteIdent(c.Name)
			if c.Series {
				names[i] = "series." + quoteIdent(c.Name)
			}
		}
		d.add("Columns", strings.Join(names, ", "))
	}
	d.add("As of", optional(n.AsOf))
	if n.Samples != nil {
		describeSamples(n.Samples, d)
	}
	return title
}

// wholeTable reports whether a scan's output is the table's columns.
func wholeTable(n *Scan) bool {
	if len(n.Columns) != len(n.Table.Cols) {
		return false
	}
	for i, c := range n.Columns {
		if c.Series || c.Name != n.Table.Cols[i].Name {
			return false
		}
	}
	return true
}

func describeSamples(s *SampleScan, d *details) {
	d.add("Series", optionalOver(s.SeriesWhere, Series.Cols))
	d.add("Time", bounds("time", ">=", s.From, "<", s.To))
	local := make([]string, len(s.LocalWhere))
	for i, c := range s.LocalWhere {
		local[i] = c.Where.String()
	}
	d.add("Local time", strings.Join(local, " AND "))
	if s.Qualities != 0 && s.Qualities != columnar.AnyQuality {
		d.add("Quality", qualityList(s.Qualities))
	}
	d.add("Value", bounds("value", ">=", s.AtLeast, "<=", s.AtMost))
	if s.Summaries != nil {
		bins := make([]string, len(s.Summaries.Bins))
		for i, b := range s.Summaries.Bins {
			bins[i] = b.String()
		}
		if len(bins) == 0 {
			bins = []string{"one for all time"}
		}
		d.add("Bins", strings.Join(bins, ", "))
	}
	d.add("No summaries", s.Why)
}

// bounds prints conditions on one column.
func bounds(column, atLeast string, from []Expr, below string, to []Expr) string {
	var all []string
	for _, e := range from {
		all = append(all, fmt.Sprintf("%s %s %s", column, atLeast, e))
	}
	for _, e := range to {
		all = append(all, fmt.Sprintf("%s %s %s", column, below, e))
	}
	return strings.Join(all, " AND ")
}

func qualityList(set columnar.QualitySet) string {
	var names []string
	for q := columnar.Good; q <= columnar.Bad; q++ {
		if set.Has(q) {
			names = append(names, q.String())
		}
	}
	return strings.Join(names, ", ")
}

// String prints the partition, such as 1 mon in 'Europe/Berlin'.
func (b BinSpec) String() string {
	s := FormatInterval(b.Width)
	switch b.Kind {
	case FixedBins:
		return fmt.Sprintf("%s from %s", s, FormatTimestamptz(b.Origin, nil))
	case LocalBins:
		s += " of local time"
	}
	if b.Zone != nil {
		return s + " in " + printExpr(b.Zone, Series.Cols)
	}
	return s + " in the series' zone"
}
