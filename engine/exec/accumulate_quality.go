package exec

import (
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// goodShare is good_pct: of 100 samples, how many are good.
type goodShare struct{ good, all []int64 }

func (s *goodShare) grow(n int) { s.good, s.all = extend(s.good, n), extend(s.all, n) }

func (s *goodShare) update(in *input) error {
	v := &in.args[0]
	in.each(in.valid(1), func(i int, g int32) {
		s.all[g]++
		if v.Strs[place(v, i)] == "good" {
			s.good[g]++
		}
	})
	return nil
}

func (s *goodShare) summarize(group int32, row *summaryInput) {
	s.all[group] += row.count()
	if row.qualities.Has(columnar.Good) {
		s.good[group] += row.Counts[columnar.Good]
	}
}

func (s *goodShare) merge(o accumulator, to []int32) error {
	other := o.(*goodShare)
	for g := range other.all {
		s.all[to[g]] += other.all[g]
		s.good[to[g]] += other.good[g]
	}
	return nil
}

func (s *goodShare) result() (eval.Vector, error) {
	out := make([]float64, len(s.all))
	for g, n := range s.all {
		if n > 0 {
			out[g] = 100 * float64(s.good[g]) / float64(n)
		}
	}
	return optional(eval.Vector{T: plan.Double, Floats: out}, len(out), func(g int) bool { return s.all[g] > 0 }), nil
}

func (s *goodShare) size() int64 { return 16 * int64(cap(s.all)) }

// durations is good_duration(quality) and duration_in(value, state): the lengths of
// the slots of the samples that qualify, added up.
type durations struct {
	good bool
	sums []wide
	some []bool
	grid slotLengths
}

// slotLengths tells how long slots of a series' sample period are.
type slotLengths struct {
	period, phase plan.Span
	zone          string
	calendar      *zone.Calendar // of these; nil: the period is fixed
}

// at returns the length of the slot at an instant.
func (s *slotLengths) at(period, phase plan.Span, name string, t int64) (int64, error) {
	if period.Months == 0 && period.Days == 0 {
		return period.Micros, nil
	}
	if s.calendar == nil || s.period != period || s.phase != phase || s.zone != name {
		z, err := zone.Load(name)
		if err != nil {
			return 0, err
		}
		if s.calendar, err = zone.NewCalendar(zone.Width{Months: period.Months, Days: period.Days}, z, phase.Micros); err != nil {
			return 0, err
		}
		s.period, s.phase, s.zone = period, phase, strings.Clone(name)
	}
	n := s.calendar.Number(t)
	return s.calendar.Begin(n+1) - s.calendar.Begin(n), nil
}

func (d *durations) grow(n int) { d.sums, d.some = extend(d.sums, n), extend(d.some, n) }

func (d *durations) update(in *input) error {
	n := len(in.args) - 4
	v, periods, times, zones, phases := &in.args[0], &in.args[n], &in.args[n+1], &in.args[n+2], &in.args[n+3]
	var failed error
	in.each(in.valid(len(in.args)), func(i int, g int32) {
		d.some[g] = true
		switch {
		case d.good && v.Strs[place(v, i)] != "good":
		case !d.good && compareAt(v, i, &in.args[1], i) != 0:
		default:
			length, err := d.grid.at(periods.Spans[place(periods, i)], phases.Spans[place(phases, i)], zones.Strs[place(zones, i)], times.Ints[place(times, i)])
			if err != nil && failed == nil {
				failed = err
			}
			d.sums[g].add(length)
		}
	})
	return failed
}

func (d *durations) summarize(group int32, row *summaryInput) {
	d.some[group] = d.some[group] || row.count() > 0
	if row.qualities.Has(columnar.Good) {
		d.sums[group].add(row.Covered)
	}
}

func (d *durations) merge(o accumulator, to []int32) error {
	other := o.(*durations)
	for g := range other.sums {
		d.sums[to[g]].addWide(other.sums[g])
		d.some[to[g]] = d.some[to[g]] || other.some[g]
	}
	return nil
}

func (d *durations) result() (eval.Vector, error) {
	out := make([]plan.Span, len(d.sums))
	for g, sum := range d.sums {
		micros, ok := sum.int64()
		if !ok {
			return eval.Vector{}, plan.Errorf(0, plan.CodeDatetimeRange, "interval out of range")
		}
		out[g].Micros = micros
	}
	return optional(eval.Vector{T: plan.Interval, Spans: out}, len(out), func(g int) bool { return d.some[g] }), nil
}

func (d *durations) size() int64 { return 17 * int64(cap(d.sums)) }
