package zone

import (
	"math"
	"slices"
	"testing"
	"time"
)

// everyWidth is one width of every kind and size that a bin can have.
var everyWidth = []Width{
	days, weeks, months, years,
	{Days: 10},
	{Months: 3},
	{Months: maxMonths},
	{Days: maxDays},
	hours(2), hours(3), hours(4), hours(6), hours(8), hours(12), hours(24),
	hours(1), minutes(30), minutes(15), minutes(1),
	{Micros: 25 * second},
	{Micros: 1},
	minutes(90), hours(7), hours(36),
	{Micros: 7 * second},
}

// oracle answers questions about the instants around a shift the slow way: it looks at
// one instant after the other, asks nothing but Zone.Local, and rounds with the standard
// library's calendar.
type oracle struct {
	instants []int64 // ascending
	locals   []int64 // of each
	peaks    []int64 // the latest local time up to each
}

// newOracle looks at the instants from one to another in steps and, where it sees the
// clock change between two, at the instants just before and after the change.
func newOracle(z *Zone, from, to, step int64) *oracle {
	o := &oracle{}
	peak := int64(math.MinInt64)
	look := func(at int64) {
		l := z.Local(at)
		peak = max(peak, l)
		o.instants, o.locals, o.peaks = append(o.instants, at), append(o.locals, l), append(o.peaks, peak)
	}
	look(from)
	for at := from + step; at < to; at += step {
		before := at - step
		if z.Local(at)-z.Local(before) != step {
			low, high := before, at // the clock changed in (low, high]
			for high-low > 1 {
				middle := low + (high-low)/2
				if z.Local(middle)-z.Local(before) == middle-before {
					low = middle
				} else {
					high = middle
				}
			}
			if low > before {
				look(low)
			}
			if high < at {
				look(high)
			}
		}
		look(at)
	}
	return o
}

// roundDown is rule 2 and 3's local floor by way of the standard library's calendar, with
// the label that follows.
func roundDown(l int64, w Width) (label, next int64) {
	at := time.UnixMicro(l).UTC()
	switch {
	case w.Months > 0: // 1, 3 or 12 only
		first := time.Date(at.Year(), at.Month()-(at.Month()-1)%time.Month(w.Months), 1, 0, 0, 0, 0, time.UTC)
		return first.UnixMicro(), first.AddDate(0, int(w.Months), 0).UnixMicro()
	case w.Days == 7:
		monday := time.Date(at.Year(), at.Month(), at.Day()-(int(at.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
		return monday.UnixMicro(), monday.AddDate(0, 0, 7).UnixMicro()
	case w.Days == 1:
		midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		return midnight.UnixMicro(), midnight.AddDate(0, 0, 1).UnixMicro()
	}
	// From midnight of the day; the standard library's Truncate counts from another.
	midnight, _ := roundDown(l, days)
	n := (l - midnight) / w.Micros
	return midnight + n*w.Micros, midnight + (n+1)*w.Micros
}

// checkBins compares bins with what the oracle saw: the label of every instant, and that
// two instants are in one bin exactly when the rules say so.
func (o *oracle) checkBins(t *testing.T, z *Zone, b Bins, w Width) {
	t.Helper()
	c := b.Cursor()
	var label, next int64 // of the latest rounding, to round seldom
	next = math.MinInt64
	previous := Bin{}
	for i, at := range o.instants {
		ruling := o.locals[i]
		if b.kind == calendar {
			ruling = o.peaks[i]
		}
		if ruling < label || ruling >= next {
			label, next = roundDown(ruling, w)
		}
		bin := c.At(at)
		if changed := i > 0 && o.locals[i]-at != o.locals[i-1]-o.instants[i-1]; changed || i%8 == 0 {
			if alone := b.At(at); alone != bin {
				t.Fatalf("%s %v: %s is in %v by cursor, in %v without", z, w, show(at), bin, alone)
			}
		}
		if bin.Local != label || !bin.Contains(at) {
			t.Fatalf("%s %v: %s is in [%s, %s) %s, want label %s", z, w, show(at), show(bin.From), show(bin.To), show(bin.Local), show(label))
		}
		if i > 0 && bin != previous {
			if bin.From < previous.To || bin.From > at || previous.To <= o.instants[i-1] {
				t.Fatalf("%s %v: bin %v after %v", z, w, bin, previous)
			}
			if b.kind == clock && bin.Local == previous.Local && o.locals[i]-at == o.locals[i-1]-o.instants[i-1] {
				t.Fatalf("%s %v: [%s, %s) is cut at %s", z, w, show(previous.From), show(bin.To), show(bin.From))
			}
		} else if b.kind == clock && i > 0 && o.locals[i]-at != o.locals[i-1]-o.instants[i-1] {
			t.Fatalf("%s %v: the clock changes in [%s, %s)", z, w, show(bin.From), show(bin.To))
		}
		previous = bin
	}
}

// checkBounds walks over the bins of a range and checks that they leave nothing out and
// begin neither too early nor too late.
func checkBounds(t *testing.T, z *Zone, b Bins, w Width, from, to int64) {
	t.Helper()
	previous := b.At(from)
	for bin := range b.All(previous.To, to) {
		if bin.From != previous.To || bin.To <= bin.From {
			t.Fatalf("%s %v: bin [%s, %s) follows [%s, %s)", z, w, show(bin.From), show(bin.To), show(previous.From), show(previous.To))
		}
		first, before := z.Local(bin.From), z.Local(bin.From-1)
		shift := first-before != 1
		switch {
		case b.kind == calendar && (first < bin.Local || before >= bin.Local):
			t.Fatalf("%s %v: label %s passes between %s and %s", z, w, show(bin.Local), show(before), show(first))
		case b.kind == clock && !shift && first != bin.Local:
			t.Fatalf("%s %v: bin %s begins at %s for no reason", z, w, show(bin.Local), show(first))
		}
		previous = bin
	}
}

// checkPassage checks the definition of first passage (Z1) for the local times that the
// oracle saw and those just beside them.
func (o *oracle) checkPassage(t *testing.T, z *Zone, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		for _, l := range []int64{o.locals[i], o.locals[i] + 1, o.locals[i] + 30*minute} {
			got := z.Instant(l)
			if z.Local(got) < l || z.Local(got-1) >= l {
				t.Fatalf("%s: %s passes not at %s", z, show(l), show(got))
			}
			j, _ := slices.BinarySearch(o.instants, got)
			if j > 0 && o.peaks[j-1] >= l {
				t.Fatalf("%s: %s passes before %s", z, show(l), show(got))
			}
		}
	}
}

// shiftsOf returns the instants in a range at which a zone's offset changes.
func shiftsOf(z *Zone, from, to int64) []int64 {
	var shifts []int64
	offset := z.Offset(from)
	for tr := range z.Transitions(from, to) {
		if tr.Offset != offset {
			shifts = append(shifts, tr.At)
		}
		offset = tr.Offset
	}
	return shifts
}

// The zones whose shifts are odd are looked at minute by minute, the others in larger
// steps: between two shifts local time runs evenly, and the instants beside a shift are
// always looked at.
func TestBinsAgreeWithTheOracleAroundEveryShift(t *testing.T) {
	odd := []string{
		"Africa/Casablanca", "Africa/Monrovia", "America/Havana", "America/Juneau", "America/Santiago", "America/St_Johns",
		"Antarctica/Casey", "Antarctica/Troll", "Asia/Kathmandu", "Asia/Manila", "Asia/Tehran", "Australia/Lord_Howe",
		"Europe/Dublin", "Pacific/Apia", "Pacific/Kwajalein",
	}
	widths := []Width{days, hours(3), hours(1), minutes(15), weeks, months}
	shifts := 0
	for n, name := range Names() {
		if _, linked := compiledIn().links[name]; linked {
			continue
		}
		z := load(t, name)
		isOdd := slices.Contains(odd, name)
		for i, shift := range shiftsOf(z, utc(t, "1840-01-01T00:00Z"), utc(t, "2040-01-01T00:00Z")) {
			step := 47 * minute
			switch {
			case isOdd && !testing.Short() && i%4 == 0:
				step = minute
			case testing.Short() && (n+i)%3 != 0:
				continue
			}
			shifts++
			from := shift - 3*day + 7*second // off the whole minute, as sensors are
			to := shift + 3*day
			o := newOracle(z, from, to, step)
			middle, _ := slices.BinarySearch(o.instants, shift)
			o.checkPassage(t, z, max(0, middle-10), min(len(o.instants), middle+10))
			for _, w := range widths {
				b := bins(t, w, z, 0)
				cut := &oracle{o.instants, o.locals, o.peaks}
				if b.kind == calendar {
					// The oracle knows no local time before its first instant.
					k, _ := slices.BinarySearch(o.instants, from+2*day)
					cut = &oracle{o.instants[k:], o.locals[k:], o.peaks[k:]}
				}
				cut.checkBins(t, z, b, w)
				checkBounds(t, z, b, w, from, to)
				if b.kind == calendar && (shift/minute)%5 == 0 {
					pieces, err := NewLocalBins(w, z, DefaultOrigin(w))
					if err != nil {
						t.Fatal(err)
					}
					o.checkBins(t, z, pieces, w)
					checkBounds(t, z, pieces, w, from, to)
				}
			}
		}
	}
	if shifts < 15_000 && !testing.Short() {
		t.Errorf("only %d shifts were looked at", shifts)
	}
}

func TestPassageAgreesWithASecondBySecondSearch(t *testing.T) {
	for _, tt := range []struct{ zone, around string }{
		{"America/Santiago", "2024-04-07T03:00Z"},
		{"America/St_Johns", "2006-10-29T02:31Z"},
		{"Africa/Monrovia", "1972-01-07T00:44:30Z"},
		{"America/Juneau", "1867-10-19T00:31:13Z"},
		{"Pacific/Apia", "2011-12-30T10:00Z"},
		{"Australia/Lord_Howe", "2024-10-05T15:30Z"},
	} {
		z, shift := load(t, tt.zone), utc(t, tt.around)
		from := shift - 30*hour
		for l := z.Local(shift) - 25*hour; l < z.Local(shift)+25*hour; l += 37*minute + 11*second {
			want := from
			for z.Local(want) < l {
				want += second
			}
			if got := z.Instant(l); got != want && want > from {
				t.Fatalf("%s: %s passes at %s, not at %s", z, show(l), show(want), show(got))
			}
		}
	}
}
