package importer

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// target is a series that samples go to, with those that have not been sent yet.
type target struct {
	meta meta.Series
	// pending is the series as it is to be made when it has a first sample; nil: it
	// exists.
	pending *newSeries
	states  map[string]int64
	slots   slotSet
	lines   map[int64]origin // of slots
	report  *SeriesReport

	times  []int64
	floats []float64
	ints   []int64
	texts  []string
	void   []bool // without a value
	status []columnar.Status
	bytes  int  // of texts
	sent   bool // samples of it were sent before
}

// outcome is what became of one value.
type outcome struct {
	status columnar.Status
	void   bool   // a sample without a value
	skip   bool   // nothing is stored
	reason string // why it is refused; empty: it is not
	state  string // the word that stands in the place of a value
}

// add takes a sample in.
func (t *target) add(instant int64, o outcome, x value) {
	t.times = append(t.times, instant)
	t.void = append(t.void, o.void)
	t.status = append(t.status, o.status)
	switch t.meta.Type.Kind() {
	case columnar.Floats:
		t.floats = append(t.floats, x.float)
	case columnar.Ints:
		t.ints = append(t.ints, x.integer)
	default:
		t.texts = append(t.texts, x.text)
		t.bytes += len(x.text)
	}
}

// value is a value of any type.
type value struct {
	float   float64
	integer int64
	text    string
}

// reader reads values of one column for one series.
type reader struct {
	numbers   numbers
	null      map[string]bool
	states    states
	keepEmpty bool
	column    *valueColumn
	target    *target
}

// read reads the value of a row; its status is set by the values that mean bad only.
func (r *reader) read(c *column, row int) (value, outcome) {
	if c.empty(row) {
		return value{}, outcome{void: true, skip: !r.keepEmpty}
	}
	text := ""
	if c.texts != nil {
		if text = c.texts[row]; r.null[text] {
			return value{}, outcome{void: true}
		}
	}
	var x value
	var o outcome
	switch t := r.target.meta.Type; t.Kind() {
	case columnar.Floats:
		x.float, o = r.float(c, row, text)
		o.status = r.badNumber(x.float)
	case columnar.Texts:
		if x.text = text; c.texts == nil {
			x.text = c.text(row)
		}
		if len(x.text) > columnar.MaxTextLen {
			o.reason = fmt.Sprintf("a text of %d bytes is longer than %d", len(x.text), columnar.MaxTextLen)
		} else if !utf8.ValidString(x.text) {
			o.reason = "the text is not UTF-8: say --encoding windows-1252, or what it is"
		}
	default:
		x.integer, o = r.integer(c, row, text)
		o.status = r.badNumber(float64(x.integer))
	}
	if text == "" {
		return x, o
	}
	if o.reason != "" {
		// A word where a number should be is a state of the source.
		if status, ok := r.states.of(text); ok {
			return value{}, outcome{void: true, status: status, state: text}
		}
		if r.column.bad[text] {
			return value{}, outcome{void: true, status: columnar.StatusBad, state: text}
		}
	}
	if r.column.bad[text] {
		o.status = columnar.StatusBad
	}
	return x, o
}

// badNumber returns the status of a number.
func (r *reader) badNumber(x float64) columnar.Status {
	for _, bad := range r.column.badNums {
		if x == bad {
			return columnar.StatusBad
		}
	}
	return columnar.StatusGood
}

// float reads a number for a series of doubles or floats.
func (r *reader) float(c *column, row int, text string) (float64, outcome) {
	var x float64
	switch {
	case c.texts != nil:
		var ok bool
		if x, ok = r.numbers.float(text); !ok {
			return 0, outcome{reason: fmt.Sprintf("%q is no number%s", shorten(text), r.numbers.hint(text))}
		}
	case c.float != nil:
		x = c.float(row)
	case c.boolean != nil:
		if c.boolean(row) {
			x = 1
		}
	default:
		return 0, r.mismatch()
	}
	if r.target.meta.Type == columnar.Float {
		x = float64(float32(x))
	}
	switch {
	case math.IsNaN(x):
		return 0, outcome{void: true}
	case math.Abs(x) > columnar.MaxMagnitude:
		return 0, outcome{reason: fmt.Sprintf("%g cannot be stored: a value is finite and at most 2^500 in size", x)}
	}
	return x, outcome{}
}

// mismatch is a typed column that a series cannot take.
func (r *reader) mismatch() outcome {
	return outcome{reason: fmt.Sprintf("column %s holds no values for a series of type %s", r.column.name, r.target.meta.Type)}
}

// booleans are the texts of booleans, in lower case.
var booleans = map[string]int64{
	"true": 1, "t": 1, "1": 1, "yes": 1, "y": 1, "on": 1,
	"false": 0, "f": 0, "0": 0, "no": 0, "n": 0, "off": 0,
}

// integer reads a value of an integer, boolean or enum series.
func (r *reader) integer(c *column, row int, text string) (int64, outcome) {
	t := r.target
	if c.texts != nil {
		if x, ok := t.states[text]; ok {
			return x, outcome{}
		}
		if t.meta.Type == columnar.Boolean {
			if x, ok := booleans[strings.ToLower(text)]; ok {
				return x, outcome{}
			}
		}
	}
	var x int64
	ok := true
	switch {
	case c.texts != nil:
		x, ok = r.numbers.integer(text)
	case c.integer != nil:
		x = c.integer(row)
	case c.boolean != nil:
		if c.boolean(row) {
			x = 1
		}
	case c.float != nil:
		f := c.float(row)
		if math.IsNaN(f) {
			return 0, outcome{void: true}
		}
		if x, text = int64(f), fmt.Sprint(f); f != math.Trunc(f) || !(f >= -1<<63 && f < 1<<63) {
			ok = false
		}
	default:
		return 0, r.mismatch()
	}
	switch {
	case !ok && t.meta.Type == columnar.Enum:
		return 0, outcome{reason: fmt.Sprintf("series %s has no state %q; its states are %s", t.meta.Name, shorten(text), strings.Join(t.meta.States, ", "))}
	case !ok && t.meta.Type == columnar.Boolean:
		return 0, outcome{reason: fmt.Sprintf("%q is neither true nor false", shorten(text))}
	case !ok:
		return 0, outcome{reason: fmt.Sprintf("%q is no whole number%s", shorten(text), r.numbers.hint(text))}
	case t.meta.Type == columnar.Boolean && x != 0 && x != 1:
		return 0, outcome{reason: fmt.Sprintf("%d is neither true nor false", x)}
	case t.meta.Type == columnar.Enum && (x < 0 || x >= int64(len(t.meta.States))):
		return 0, outcome{reason: fmt.Sprintf("series %s has no state of ordinal %d", t.meta.Name, x)}
	}
	return x, outcome{}
}
