package ingest

import (
	"math"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// arena hands out slices of one allocation for the series of a batch, which may be
// very many.
type arena[T any] struct {
	free []T
	next int // size of the next allocation
}

// take returns a slice of n zero values.
func (a *arena[T]) take(n int) []T {
	if n > len(a.free) {
		a.free = make([]T, max(n, a.next))
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}

// source is where the values of a series are in a batch. In a long batch, which of
// the columns counts depends on the series' type.
type source struct {
	value, ints     *numbers
	valueText, text *texts
}

// samples makes the samples of a series from rows of the batch.
func (c *columns) samples(t *target, rows []int32, from source) (columnar.Samples, error) {
	s := columnar.Samples{Series: t.meta.Series}
	var first, err error
	if s.Times, err = c.instants(t, rows); err != nil {
		first = earlier(first, err)
		s.Times = make([]int64, len(rows)) // for what else may be wrong
	}
	if s.Status, err = c.statuses(rows); err != nil {
		first = earlier(first, err)
	}
	switch t.meta.Type {
	case columnar.Double, columnar.Float:
		err = c.floats(t, &s, rows, from)
	case columnar.Text:
		err = c.strings(t, &s, rows, from)
	default:
		err = c.integers(t, &s, rows, from)
	}
	if err != nil {
		first = earlier(first, err)
	}
	return s, first
}

// statuses returns the statuses of rows, nil where all are good. A status outweighs
// a quality; NULL is good.
func (c *columns) statuses(rows []int32) ([]columnar.Status, error) {
	if c.status == nil && c.quality == nil {
		return nil, nil
	}
	out := make([]columnar.Status, len(rows))
	any := false
	for i, row := range rows {
		r := int(row)
		switch {
		case c.status != nil && !c.status.null(r):
			if !c.status.whole {
				return nil, plan.Errorf(0, plan.CodeTypeMismatch, "column status does not hold integers")
			}
			x := c.status.integer(r)
			if x < 0 || x > math.MaxUint32 {
				return nil, rowError(r, plan.CodeOutOfRange, "status %d is not a 32-bit OPC UA status code", x)
			}
			out[i] = columnar.Status(x)
		case c.quality != nil && !c.quality.null(r):
			q, ok := columnar.ParseQuality(c.quality.at(r))
			if !ok {
				return nil, rowError(r, plan.CodeInvalidValue, "quality %q is not good, uncertain or bad", shorten(c.quality.at(r)))
			}
			out[i] = columnar.Status(q) << 30
		}
		any = any || out[i] != columnar.StatusGood
	}
	if !any {
		return nil, nil
	}
	return out, nil
}

// empty makes sample i one without a value (C2).
func empty(s *columnar.Samples, i int) {
	if s.Void == nil {
		s.Void = columnar.NewBitmap(len(s.Times))
	}
	s.Void.Set(i)
	if s.Status == nil {
		s.Status = make([]columnar.Status, len(s.Times))
	}
	if s.Status[i].Quality() != columnar.Bad {
		s.Status[i] = columnar.StatusBadNoData
	}
}

// mismatch says that a series cannot take what the batch holds.
func mismatch(t *target, what string) error {
	return plan.Errorf(0, plan.CodeTypeMismatch, "series %q is of type %s, the batch has %s for it", t.meta.Name, t.meta.Type, what)
}

// pick returns the first of two columns that has a value in a row; nil for none.
func pick(row int, first, second *numbers) *numbers {
	switch {
	case first != nil && !first.null(row):
		return first
	case second != nil && !second.null(row):
		return second
	}
	return nil
}

func (c *columns) floats(t *target, s *columnar.Samples, rows []int32, from source) error {
	if from.value == nil && from.ints == nil {
		return mismatch(t, "only text")
	}
	single := t.meta.Type == columnar.Float
	if n := from.value; n != nil && n.floats != nil && !single && len(rows) == c.rows && n.a.NullN() == 0 && storable(n.floats) {
		s.Floats = n.floats[:len(rows):len(rows)]
		return nil
	}
	s.Floats = c.values.take(len(rows))
	for i, row := range rows {
		r := int(row)
		n := pick(r, from.value, from.ints)
		if n == nil {
			empty(s, i)
			continue
		}
		x := n.float(r)
		if single {
			x = float64(float32(x))
		}
		switch {
		case math.IsNaN(x):
			empty(s, i)
		case math.Abs(x) > columnar.MaxMagnitude:
			return rowError(r, plan.CodeOutOfRange, "series %q: value %g cannot be stored", t.meta.Name, n.float(r)).
				withHint("Values are finite and at most 2^500 in size (and in the range of float32 for a float series); mark what is not a measurement as bad.")
		default:
			s.Floats[i] = x
		}
	}
	return nil
}

// storable reports whether all values are finite and in range.
func storable(vals []float64) bool {
	ok := true
	for _, x := range vals {
		ok = ok && math.Abs(x) <= columnar.MaxMagnitude // false for NaN too
	}
	return ok
}

// textAt returns the text in a row; false where there is none.
func (f *source) textAt(row int) (string, bool) {
	for _, col := range []*texts{f.text, f.valueText} {
		if col != nil && !col.null(row) {
			return col.at(row), true
		}
	}
	return "", false
}

func (c *columns) strings(t *target, s *columnar.Samples, rows []int32, from source) error {
	if from.text == nil && from.valueText == nil {
		return mismatch(t, "no text")
	}
	s.Texts = make([]string, len(rows))
	for i, row := range rows {
		x, ok := from.textAt(int(row))
		switch {
		case !ok:
			empty(s, i)
		case len(x) > columnar.MaxTextLen:
			return rowError(int(row), plan.CodeOutOfRange, "series %q: a text of %d bytes is longer than %d", t.meta.Name, len(x), columnar.MaxTextLen)
		}
		s.Texts[i] = x
	}
	return nil
}

// integers reads integer, boolean and enum series. Enum series take the names of
// states, or their ordinals; boolean series true and false, or 1 and 0.
func (c *columns) integers(t *target, s *columnar.Samples, rows []int32, from source) error {
	named := t.meta.Type != columnar.Integer && (from.text != nil || from.valueText != nil)
	if from.ints == nil && from.value == nil && !named {
		return mismatch(t, "no number")
	}
	s.Ints = c.ordinals.take(len(rows))
	for i, row := range rows {
		r := int(row)
		if named {
			if name, ok := from.textAt(r); ok {
				x, err := t.state(name, r)
				if err != nil {
					return err
				}
				s.Ints[i] = x
				continue
			}
		}
		n := pick(r, from.ints, from.value)
		if n == nil {
			empty(s, i)
			continue
		}
		x, ok, err := t.integer(n, r)
		if err != nil {
			return err
		}
		if !ok {
			empty(s, i)
		}
		s.Ints[i] = x
	}
	return nil
}

// integer returns the number of a row; false where it is a NaN.
func (t *target) integer(n *numbers, row int) (int64, bool, error) {
	var x int64
	if n.whole {
		x = n.integer(row)
	} else {
		f := n.float(row)
		if math.IsNaN(f) {
			return 0, false, nil
		}
		if f != math.Trunc(f) || !(f >= -1<<63 && f < 1<<63) {
			return 0, false, rowError(row, plan.CodeOutOfRange, "series %q is of type %s: %g is not a whole number in its range", t.meta.Name, t.meta.Type, f)
		}
		x = int64(f)
	}
	switch {
	case t.meta.Type == columnar.Boolean && x != 0 && x != 1:
		return 0, false, rowError(row, plan.CodeOutOfRange, "series %q is boolean: %d is neither 0 nor 1", t.meta.Name, x)
	case t.meta.Type == columnar.Enum && (x < 0 || x >= int64(len(t.meta.States))):
		return 0, false, rowError(row, plan.CodeOutOfRange, "series %q has no state of ordinal %d; it has %d states", t.meta.Name, x, len(t.meta.States))
	}
	return x, true, nil
}

// state returns the ordinal of a state's name.
func (t *target) state(name string, row int) (int64, error) {
	if x, ok := t.states[name]; ok {
		return x, nil
	}
	if t.meta.Type == columnar.Boolean {
		switch name {
		case "true", "t", "1":
			return 1, nil
		case "false", "f", "0":
			return 0, nil
		}
	}
	return 0, rowError(row, plan.CodeInvalidValue, "series %q has no state %q", t.meta.Name, shorten(name)).
		withHint("Its states are listed in series.states; add one with UPDATE series SET states = ...")
}
