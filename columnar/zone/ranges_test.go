package zone

import (
	"iter"
	"math"
	"slices"
	"testing"
	"time"
)

func TestLocalRanges(t *testing.T) {
	tests := []struct {
		name, zone, from, to string
		keep                 Predicate
		want                 []string
	}{
		{
			name: "six in the morning in Santiago moves with the clock", zone: "America/Santiago",
			from: "2024-04-06T00:00Z", to: "2024-04-08T00:00Z", keep: HourOfDay(1 << 6),
			want: []string{"2024-04-06T09:00Z", "2024-04-06T10:00Z", "2024-04-07T10:00Z", "2024-04-07T11:00Z"},
		},
		{
			name: "the repeated hour is one range of two hours", zone: "Europe/Berlin",
			from: "2024-10-26T12:00Z", to: "2024-10-27T12:00Z", keep: HourOfDay(1 << 2),
			want: []string{"2024-10-27T00:00Z", "2024-10-27T02:00Z"},
		},
		{
			name: "half of it is two ranges of half an hour", zone: "Europe/Berlin",
			from: "2024-10-26T12:00Z", to: "2024-10-27T12:00Z", keep: TimeOfDay(2*hour, 2*hour+30*minute),
			want: []string{"2024-10-27T00:00Z", "2024-10-27T00:30Z", "2024-10-27T01:00Z", "2024-10-27T01:30Z"},
		},
		{
			name: "a skipped hour has no range", zone: "Europe/Berlin",
			from: "2024-03-30T22:00Z", to: "2024-03-31T22:00Z", keep: HourOfDay(1 << 2),
		},
		{
			name: "a range is cut where the whole is", zone: "UTC",
			from: "2024-01-01T06:15Z", to: "2024-01-01T06:45Z", keep: HourOfDay(1 << 6),
			want: []string{"2024-01-01T06:15Z", "2024-01-01T06:45Z"},
		},
		{
			name: "a night shift lasts over midnight", zone: "UTC",
			from: "2024-01-01T12:00Z", to: "2024-01-02T12:00Z", keep: TimeOfDay(22*hour, 6*hour),
			want: []string{"2024-01-01T22:00Z", "2024-01-02T06:00Z"},
		},
		{
			name: "weekends in Apia, whose Friday was skipped", zone: "Pacific/Apia",
			from: "2011-12-26T10:00Z", to: "2012-01-05T10:00Z", keep: DayOfWeek(1<<6 | 1<<0),
			want: []string{"2011-12-30T10:00Z", "2012-01-01T10:00Z"},
		},
		{
			name: "first days of summer months", zone: "Europe/Berlin",
			from: "2024-01-01T00:00Z", to: "2025-01-01T00:00Z", keep: MonthOfYear(1<<6 | 1<<7).And(DayOfMonth(1 << 1)),
			want: []string{"2024-05-31T22:00Z", "2024-06-01T22:00Z", "2024-06-30T22:00Z", "2024-07-01T22:00Z"},
		},
		{
			name: "not the first eleven months", zone: "UTC",
			from: "2024-01-01T00:00Z", to: "2025-01-01T00:00Z", keep: MonthOfYear(1<<12 - 2).Not(),
			want: []string{"2024-12-01T00:00Z", "2025-01-01T00:00Z"},
		},
		{
			name: "two hours, one after the other, are one range", zone: "UTC",
			from: "2024-01-01T00:00Z", to: "2024-01-02T00:00Z", keep: HourOfDay(1 << 6).Or(HourOfDay(1 << 7)),
			want: []string{"2024-01-01T06:00Z", "2024-01-01T08:00Z"},
		},
		{
			name: "an empty range has none", zone: "UTC",
			from: "2024-01-02T00:00Z", to: "2024-01-01T00:00Z", keep: HourOfDay(1<<24 - 1),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got, want []Range
			for r := range load(t, tt.zone).LocalRanges(utc(t, tt.from), utc(t, tt.to), tt.keep) {
				got = append(got, r)
			}
			for pair := range slices.Chunk(tt.want, 2) {
				want = append(want, Range{utc(t, pair[0]), utc(t, pair[1])})
			}
			if !slices.Equal(got, want) {
				for _, r := range got {
					t.Logf("[%s, %s)", show(r.From), show(r.To))
				}
				t.Errorf("ranges are %v, want %v", got, want)
			}
		})
	}
}

func TestLocalRangesAgreeWithAMinuteByMinuteSearch(t *testing.T) {
	predicates := map[string]struct {
		fast Predicate
		slow func(time.Time) bool
	}{
		"hour":    {HourOfDay(1<<0 | 1<<2 | 1<<23), func(l time.Time) bool { return l.Hour() == 0 || l.Hour() == 2 || l.Hour() == 23 }},
		"weekday": {DayOfWeek(1 << 0), func(l time.Time) bool { return l.Weekday() == time.Sunday }},
		"days":    {DayOfMonth(1<<30 | 1<<31), func(l time.Time) bool { return l.Day() >= 30 }},
		"month":   {MonthOfYear(1 << 4), func(l time.Time) bool { return l.Month() == time.April }},
		"office":  {DayOfWeek(0b0111110).And(TimeOfDay(8*hour, 17*hour)), func(l time.Time) bool { return l.Weekday()%6 != 0 && l.Hour() >= 8 && l.Hour() < 17 }},
		"or":      {TimeOfDay(23*hour, hour).Or(MonthOfYear(1 << 10).Not()), func(l time.Time) bool { return l.Hour() >= 23 || l.Hour() < 1 || l.Month() != time.October }},
		"between": {LocalBetween(1712000000*second, 1713000000*second), func(l time.Time) bool { return l.Unix() >= 1712000000 && l.Unix() < 1713000000 }},
		"nothing": {LocalBetween(1, 0), func(time.Time) bool { return false }},
	}
	for _, name := range []string{"America/Santiago", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca"} {
		z := load(t, name)
		for _, year := range []string{"2024-01-01T00:00Z", "2006-04-01T00:00Z", "2011-12-20T00:00Z"} {
			from := utc(t, year)
			to := from + 120*day
			for what, p := range predicates {
				next, stop := iter.Pull(z.LocalRanges(from, to, p.fast))
				r, ok := next()
				for at := from; at < to; at += minute {
					for ok && r.To <= at {
						last := r
						if r, ok = next(); ok && (r.From <= last.To || r.To <= r.From) {
							t.Fatalf("%s %s: range %v after %v", name, what, r, last)
						}
					}
					if got, want := ok && r.From <= at, p.slow(time.UnixMicro(z.Local(at)).UTC()); got != want {
						t.Fatalf("%s %s: at %s UTC, %s local: %v, want %v", name, what, show(at), show(z.Local(at)), got, want)
					}
				}
				stop()
			}
		}
	}
}

func TestLocalRangesReachTheEndsOfTime(t *testing.T) {
	keep := LocalBetween(0, math.MaxInt64)
	got := slices.Collect(load(t, "+01:00").LocalRanges(math.MinInt64, math.MaxInt64, keep))
	if want := []Range{{-hour, end}}; !slices.Equal(got, want) {
		t.Errorf("ranges %v, want %v", got, want)
	}
	for range UTC.LocalRanges(math.MinInt64, math.MaxInt64, HourOfDay(1)) {
		break // stopping early is allowed, and here a must
	}
}

func TestAPredicateWithoutProgressIsABug(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	for range UTC.LocalRanges(0, day, func(local int64) (bool, int64) { return true, local }) {
		t.Error("a range")
	}
}
