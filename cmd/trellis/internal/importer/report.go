package importer

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/columnar"
)

// maxRefusals is how many refusals a report tells one by one.
const maxRefusals = 10

// Report says what became of all that was read. A value is what a row has in one of
// the columns of values; every one is stored, a duplicate, skipped or refused (P2).
type Report struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`   // of the files, as they are
	Rows    int64 `json:"rows"`    // below the headers
	Samples int64 `json:"samples"` // stored: that can be read afterwards
	// Acknowledged are the samples that the database has said are stored for good: all
	// of them, unless an error ended the import, or it was a dry run.
	Acknowledged int64 `json:"acknowledged"`
	// Already are the samples that the database had before, with the same values and
	// statuses: they were not sent.
	Already int64 `json:"already"`

	WithoutValue int64 `json:"without_value"` // of the samples
	Uncertain    int64 `json:"uncertain"`     // of the samples
	Bad          int64 `json:"bad"`           // of the samples, those without a value among them
	Skipped      int64 `json:"skipped"`       // values that were empty

	GridReport

	RefusalReport
	Collisions []Collision `json:"collisions,omitempty"` // the first few
	Notes      []string    `json:"notes,omitempty"`
	// States are the words that stood in the place of values, and became statuses.
	States []StateCount `json:"states,omitempty"`

	Edited *client.Edited `json:"edited,omitempty"` // what became of an edit

	Created int             `json:"series_created"`
	Series  []*SeriesReport `json:"series"` // in order of name
	Micros  int64           `json:"elapsed_us"`
	DryRun  bool            `json:"dry_run,omitempty"`
}

// GridReport says how samples lie to the slots of their series.
type GridReport struct {
	Duplicates int64 `json:"duplicates"`   // values of which another one of this import has the slot
	Replaced   int64 `json:"replaced"`     // of these, those that were sent before the one that is kept
	OffGrid    int64 `json:"off_grid"`     // values whose times are not those of their slots, stored or refused
	MaxShift   int64 `json:"max_shift_us"` // the farthest of these from the beginning of its slot
}

// RefusalReport says what was refused, and why.
type RefusalReport struct {
	RefusedRows   int64     `json:"refused_rows"`
	RefusedValues int64     `json:"refused_values"`   // in rows that were not refused
	Refusals      []Refusal `json:"refusals"`         // the first few
	Causes        []*Cause  `json:"causes,omitempty"` // all of them, in order of their first rows
}

// Cause is why rows, or values, were refused.
type Cause struct {
	Refusal       // the first
	Count   int64 `json:"count"`
	// Lines are those of the first few, of the file of the first.
	Lines []int64 `json:"lines"`
}

// maxCauses and causeLines are how many causes a report tells, and lines of each.
const (
	maxCauses  = 200
	causeLines = 5
)

// kind is a refusal without what is only of its row: what is quoted, and digits.
func (x Refusal) kind() string {
	var b strings.Builder
	b.WriteString(x.Column + "\x00")
	quoted := false
	for _, c := range x.Reason {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted || unicode.IsDigit(c):
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// refuse notes a refusal that has been counted.
func (r *run) refuse(x Refusal) {
	if len(r.report.Refusals) < maxRefusals {
		r.report.Refusals = append(r.report.Refusals, x)
	}
	kind := x.kind()
	cause, known := r.causes[kind]
	if !known {
		if len(r.causes) >= maxCauses {
			return
		}
		cause = &Cause{Refusal: x}
		r.causes[kind] = cause
		r.report.Causes = append(r.report.Causes, cause)
	}
	if cause.Count++; len(cause.Lines) < causeLines && cause.File == x.File {
		cause.Lines = append(cause.Lines, x.Line)
	}
}

// Refusal is a row, or a value, that was not stored.
type Refusal struct {
	File   string `json:"file"`
	Line   int64  `json:"line"` // of a Parquet file, the row
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// SeriesReport says what a series got.
type SeriesReport struct {
	Name         string `json:"series"`
	Created      bool   `json:"created"`
	Samples      int64  `json:"samples"`
	WithoutValue int64  `json:"without_value"`
	Uncertain    int64  `json:"uncertain"`
	Bad          int64  `json:"bad"`
	Already      int64  `json:"already,omitempty"` // that the database had before
	GridReport
	Head    []HeadSample `json:"head,omitempty"` // of a dry run: the first samples
	Period  int64        `json:"sample_t_us"`    // 0: it is a calendar period
	SampleT string       `json:"sample_t"`
	First   int64        `json:"first_us"` // instants at which slots begin, in microseconds
	Last    int64        `json:"last_us"`
}

// HeadSample is a sample as it would be stored.
type HeadSample struct {
	Time   int64  `json:"time_us"`         // the instant at which its slot begins
	Value  string `json:"value,omitempty"` // empty: it has none
	Status uint32 `json:"status"`
	Line   int64  `json:"line"`
}

// headSamples is how many samples of a series a dry run shows.
const headSamples = 3

// show keeps a sample for the report of a dry run.
func (s *SeriesReport) show(t *target, at seat, o outcome, x value) {
	h := HeadSample{Time: at.begin, Status: uint32(o.status), Line: at.line}
	switch {
	case o.void:
	case t.meta.Type == columnar.Enum && x.integer >= 0 && x.integer < int64(len(t.meta.States)):
		h.Value = t.meta.States[x.integer]
	case t.meta.Type.Kind() == columnar.Floats:
		h.Value = strconv.FormatFloat(x.float, 'g', -1, 64)
	case t.meta.Type.Kind() == columnar.Ints:
		h.Value = strconv.FormatInt(x.integer, 10)
	default:
		h.Value = strings.Clone(shorten(x.text))
	}
	s.Head = append(s.Head, h)
}

// count counts a sample whose slot begins at an instant.
func (s *SeriesReport) count(begin int64, o outcome) {
	if s.Samples == 0 {
		s.First, s.Last = begin, begin
	}
	s.First, s.Last = min(s.First, begin), max(s.Last, begin)
	s.tally(o, 1)
}

// uncount takes a sample out of the counts that another one took the slot of.
func (s *SeriesReport) uncount(o outcome) { s.tally(o, -1) }

func (s *SeriesReport) tally(o outcome, n int64) {
	s.Samples += n
	if o.void {
		s.WithoutValue += n
	}
	switch o.status.Quality() {
	case columnar.Uncertain:
		s.Uncertain += n
	case columnar.Bad:
		s.Bad += n
	}
}

// sum adds up what the series got.
func (r *Report) sum(targets []*target) {
	r.Samples, r.WithoutValue, r.Uncertain, r.Bad, r.Already = 0, 0, 0, 0, 0
	r.GridReport = GridReport{}
	r.Series = nil
	for _, t := range targets {
		s := t.report
		if t.pending != nil && s.Samples == 0 {
			continue // all of it was refused: it was not made
		}
		r.Samples += s.Samples
		r.WithoutValue += s.WithoutValue
		r.Uncertain += s.Uncertain
		r.Bad += s.Bad
		r.Already += s.Already
		r.Duplicates += s.Duplicates
		r.Replaced += s.Replaced
		r.OffGrid += s.OffGrid
		r.MaxShift = max(r.MaxShift, s.MaxShift)
		r.Series = append(r.Series, s)
	}
	sort.Slice(r.Series, func(i, j int) bool { return r.Series[i].Name < r.Series[j].Name })
}

// acknowledge notes how many samples the database has said are stored for good. Of
// those that were sent some took the slots of others.
func (r *Report) acknowledge(durable int64) {
	durable += r.Already
	r.Acknowledged = min(durable, r.Samples)
	if lost := r.Samples + r.Replaced - durable; lost > 0 {
		r.Acknowledged = max(0, r.Samples-lost)
	}
}

// sortRefusals puts the refusals in the order of the files and of their lines: a chunk
// is read column by column.
func (r *Report) sortRefusals(files []string) {
	sort.SliceStable(r.Refusals, func(i, j int) bool {
		a, b := r.Refusals[i], r.Refusals[j]
		if a.File != b.File {
			return slices.Index(files, a.File) < slices.Index(files, b.File)
		}
		return a.Line < b.Line
	})
}

// Refused returns how many rows and values were refused.
func (r *Report) Refused() int64 { return r.RefusedRows + r.RefusedValues }
