package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trellisdb/trellis/columnar/zone"
)

// null is what a table shows for NULL: no text of a database looks like it.
const null = "∅"

// planColumn is the column of EXPLAIN, whose lines need no frame.
const planColumn = "QUERY PLAN"

// pretty shows rows as a table. It holds them until it is closed, for the widths.
type pretty struct {
	w      io.Writer
	zone   *zone.Zone
	schema *arrow.Schema
	width  int
	rows   [][]string
}

func newTable(w io.Writer, schema *arrow.Schema, o Options) *pretty {
	return &pretty{w: w, zone: o.Zone, schema: schema, width: o.Width}
}

func (p *pretty) write(batch arrow.RecordBatch) error {
	for i := range int(batch.NumRows()) {
		row := make([]string, batch.NumCols())
		for k, col := range batch.Columns() {
			if row[k] = null; col.IsValid(i) {
				row[k] = visible(cell(col, i, p.zone))
			}
		}
		p.rows = append(p.rows, row)
	}
	return nil
}

// visible replaces what a terminal would obey instead of show, but for ends of lines.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case r < ' ', r == 0x7f, r >= 0x80 && r < 0xa0:
			return '�'
		}
		return r
	}, s)
}

func (p *pretty) close() error {
	if p.schema.NumFields() == 1 && p.schema.Field(0).Name == planColumn {
		for _, row := range p.rows {
			if _, err := fmt.Fprintln(p.w, row[0]); err != nil {
				return err
			}
		}
		return nil
	}
	t := table.NewWriter()
	t.SetStyle(style())
	header := make(table.Row, p.schema.NumFields())
	configs := make([]table.ColumnConfig, p.schema.NumFields())
	limits := p.limits()
	for k, f := range p.schema.Fields() {
		header[k] = visible(f.Name)
		configs[k] = table.ColumnConfig{Number: k + 1, AlignHeader: text.AlignLeft}
		if kindOf(f.Type) == numbers {
			configs[k].Align, configs[k].AlignHeader = text.AlignRight, text.AlignRight
		}
		if limits != nil {
			configs[k].WidthMax, configs[k].WidthMaxEnforcer = limits[k], shorten
		}
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for _, row := range p.rows {
		cells := make(table.Row, len(row))
		for k := range row {
			cells[k] = row[k]
		}
		t.AppendRow(cells)
	}
	for line := range strings.Lines(t.Render()) {
		if _, err := fmt.Fprintln(p.w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// style is a table with a rule below the header and no frame around.
func style() table.Style {
	s := table.StyleLight
	s.Format.Header = text.FormatDefault
	s.Options = table.Options{SeparateColumns: true, SeparateHeader: true}
	return s
}

// shorten cuts a text to a width and shows that it did.
func shorten(s string, width int) string {
	if text.StringWidthWithoutEscSequences(s) <= width || width < 2 {
		return s
	}
	return text.Trim(s, width-1) + "…"
}

// narrowest is the width below which no column is cut.
const narrowest = 16

// limits returns the width of each column at which the table fits the line, nil where
// it fits anyway. Numbers and stamps are never cut: the widest columns of words are.
func (p *pretty) limits() []int {
	if p.width <= 0 {
		return nil
	}
	widths := make([]int, p.schema.NumFields())
	total := 0
	for k, f := range p.schema.Fields() {
		widths[k] = text.StringWidthWithoutEscSequences(f.Name)
		for _, row := range p.rows {
			widths[k] = max(widths[k], text.LongestLineLen(row[k]))
		}
		total += widths[k] + 3
	}
	if total <= p.width {
		return nil
	}
	for total > p.width {
		widest := -1
		for k, f := range p.schema.Fields() {
			if f.Type.ID() == arrow.STRING && widths[k] > narrowest && (widest < 0 || widths[k] > widths[widest]) {
				widest = k
			}
		}
		if widest < 0 {
			break
		}
		cut := min(total-p.width, max(1, widths[widest]/8))
		cut = min(cut, widths[widest]-narrowest)
		widths[widest] -= cut
		total -= cut
	}
	return widths
}
