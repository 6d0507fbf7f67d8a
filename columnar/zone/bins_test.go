package zone

import (
	"errors"
	"math"
	"testing"
)

var (
	days   = Width{Days: 1}
	weeks  = Width{Days: 7}
	months = Width{Months: 1}
	years  = Width{Months: 12}
)

func hours(n int64) Width { return Width{Micros: n * hour} }

func minutes(n int64) Width { return Width{Micros: n * minute} }

// bins returns bins that must be possible.
func bins(t testing.TB, w Width, z *Zone, shift int64) Bins {
	t.Helper()
	b, err := NewBins(w, z, DefaultOrigin(w)+shift)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBins(t *testing.T) {
	tests := []struct {
		name, zone string
		width      Width
		shift      int64 // of the origin
		label      string
		from, to   string
	}{
		{name: "a local day with a repeated hour has 25 hours", zone: "America/Santiago", width: days, label: "2024-04-06", from: "2024-04-06T03:00Z", to: "2024-04-07T04:00Z"},
		{name: "the day after it is ordinary", zone: "America/Santiago", width: days, label: "2024-04-07", from: "2024-04-07T04:00Z", to: "2024-04-08T04:00Z"},
		{name: "a day whose midnight is skipped starts at 01:00", zone: "America/Santiago", width: days, label: "2024-09-08", from: "2024-09-08T04:00Z", to: "2024-09-09T03:00Z"},
		{name: "the day before it is ordinary", zone: "America/Santiago", width: days, label: "2024-09-07", from: "2024-09-07T04:00Z", to: "2024-09-08T04:00Z"},
		{name: "Lord Howe's longest day has 24.5 hours", zone: "Australia/Lord_Howe", width: days, label: "2024-04-07", from: "2024-04-06T13:00Z", to: "2024-04-07T13:30Z"},
		{name: "Lord Howe's shortest day has 23.5 hours", zone: "Australia/Lord_Howe", width: days, label: "2024-10-06", from: "2024-10-05T13:30Z", to: "2024-10-06T13:00Z"},
		{name: "St John's new day began a minute before clocks went back to the old one", zone: "America/St_Johns", width: days, label: "2006-10-29", from: "2006-10-29T02:30Z", to: "2006-10-30T03:30Z"},
		{name: "so its old day has 24 hours", zone: "America/St_Johns", width: days, label: "2006-10-28", from: "2006-10-28T02:30Z", to: "2006-10-29T02:30Z"},
		{name: "and its spring day starts at 00:00 and jumps at 00:01", zone: "America/St_Johns", width: days, label: "2006-04-02", from: "2006-04-02T03:30Z", to: "2006-04-03T02:30Z"},
		{name: "Havana repeats the first hour of a day", zone: "America/Havana", width: days, label: "2024-11-03", from: "2024-11-03T04:00Z", to: "2024-11-04T05:00Z"},
		{name: "Havana skips the first hour of a day", zone: "America/Havana", width: days, label: "2024-03-10", from: "2024-03-10T05:00Z", to: "2024-03-11T04:00Z"},
		{name: "Samoa's last day in the east", zone: "Pacific/Apia", width: days, label: "2011-12-29", from: "2011-12-29T10:00Z", to: "2011-12-30T10:00Z"},
		{name: "is followed by the day after the next", zone: "Pacific/Apia", width: days, label: "2011-12-31", from: "2011-12-30T10:00Z", to: "2011-12-31T10:00Z"},
		{name: "Kwajalein before the skipped day", zone: "Pacific/Kwajalein", width: days, label: "1993-08-20", from: "1993-08-20T12:00Z", to: "1993-08-21T12:00Z"},
		{name: "Kwajalein after the skipped day", zone: "Pacific/Kwajalein", width: days, label: "1993-08-22", from: "1993-08-21T12:00Z", to: "1993-08-22T12:00Z"},
		{name: "Kathmandu lost a quarter of an hour", zone: "Asia/Kathmandu", width: days, label: "1986-01-01", from: "1985-12-31T18:30Z", to: "1986-01-01T18:15Z"},
		{name: "Kathmandu's ordinary day", zone: "Asia/Kathmandu", width: days, label: "2024-01-01", from: "2023-12-31T18:15Z", to: "2024-01-01T18:15Z"},
		{name: "Casablanca enters Ramadan with 25 hours", zone: "Africa/Casablanca", width: days, label: "2024-03-10", from: "2024-03-09T23:00Z", to: "2024-03-11T00:00Z"},
		{name: "Troll's spring day has 22 hours", zone: "Antarctica/Troll", width: days, label: "2024-03-31", from: "2024-03-31T00:00Z", to: "2024-03-31T22:00Z"},
		{name: "Troll's autumn day has 26 hours", zone: "Antarctica/Troll", width: days, label: "2024-10-27", from: "2024-10-26T22:00Z", to: "2024-10-28T00:00Z"},
		{name: "Casey moved by three hours", zone: "Antarctica/Casey", width: days, label: "2018-03-11", from: "2018-03-10T13:00Z", to: "2018-03-11T16:00Z"},
		{name: "Tehran skips the first hour of a day", zone: "Asia/Tehran", width: days, label: "2022-03-22", from: "2022-03-21T20:30Z", to: "2022-03-22T19:30Z"},
		{name: "Tehran repeats the last hour of a day", zone: "Asia/Tehran", width: days, label: "2022-09-21", from: "2022-09-20T19:30Z", to: "2022-09-21T20:30Z"},
		{name: "Monrovia lost 44 minutes and 30 seconds", zone: "Africa/Monrovia", width: days, label: "1972-01-07", from: "1972-01-07T00:44:30Z", to: "1972-01-08T00:00Z"},
		{name: "Juneau had one day twice", zone: "America/Juneau", width: days, label: "1867-10-19", from: "1867-10-18T08:57:41Z", to: "1867-10-20T08:57:41Z"},
		{name: "weeks begin on Monday", zone: "UTC", width: weeks, label: "2024-04-01", from: "2024-04-01T00:00Z", to: "2024-04-08T00:00Z"},
		{name: "a week with a repeated hour has 169 hours", zone: "America/Santiago", width: weeks, label: "2024-04-01", from: "2024-04-01T03:00Z", to: "2024-04-08T04:00Z"},
		{name: "a month begins in winter and ends in summer", zone: "America/New_York", width: months, label: "2024-03-01", from: "2024-03-01T05:00Z", to: "2024-04-01T04:00Z"},
		{name: "a month before 1970", zone: "Europe/Berlin", width: months, label: "1969-02-01", from: "1969-01-31T23:00Z", to: "1969-02-28T23:00Z"},
		{name: "a quarter", zone: "Europe/Berlin", width: Width{Months: 3}, label: "2024-04-01", from: "2024-03-31T22:00Z", to: "2024-06-30T22:00Z"},
		{name: "a year", zone: "Australia/Sydney", width: years, label: "2024-01-01", from: "2023-12-31T13:00Z", to: "2024-12-31T13:00Z"},
		{name: "a decade counts from 2000", zone: "UTC", width: Width{Months: 120}, label: "1990-01-01", from: "1990-01-01T00:00Z", to: "2000-01-01T00:00Z"},
		{name: "the year before the common era", zone: "UTC", width: years, label: "0000-01-01", from: "0000-01-01T00:00Z", to: "0001-01-01T00:00Z"},
		{name: "a gas day in spring", zone: "Europe/Berlin", width: days, shift: 6 * hour, label: "2024-03-30 06:00", from: "2024-03-30T05:00Z", to: "2024-03-31T04:00Z"},
		{name: "a gas month", zone: "Europe/Berlin", width: months, shift: 6 * hour, label: "2024-03-01 06:00", from: "2024-03-01T05:00Z", to: "2024-04-01T04:00Z"},
		{name: "a fiscal year from October", zone: "UTC", width: years, shift: 274 * day, label: "2023-10-01", from: "2023-10-01T00:00Z", to: "2024-10-01T00:00Z"},
		{name: "24 hours are a day", zone: "America/Santiago", width: hours(24), label: "2024-04-06", from: "2024-04-06T03:00Z", to: "2024-04-07T04:00Z"},
		{name: "three hours with a repeated one last four", zone: "Europe/Berlin", width: hours(3), label: "2024-10-27", from: "2024-10-26T22:00Z", to: "2024-10-27T02:00Z"},
		{name: "four hours with a skipped one last three", zone: "Europe/Berlin", width: hours(4), label: "2024-03-31", from: "2024-03-30T23:00Z", to: "2024-03-31T02:00Z"},
		{name: "two hours that begin in the gap begin after it", zone: "Europe/Berlin", width: hours(2), label: "2024-03-31 02:00", from: "2024-03-31T01:00Z", to: "2024-03-31T02:00Z"},
		{name: "the repeated hour for the first time", zone: "Europe/Berlin", width: hours(1), label: "2024-10-27 02:00", from: "2024-10-27T00:00Z", to: "2024-10-27T01:00Z"},
		{name: "the repeated hour for the second time", zone: "Europe/Berlin", width: hours(1), label: "2024-10-27 02:00", from: "2024-10-27T01:00Z", to: "2024-10-27T02:00Z"},
		{name: "an hour in Kathmandu", zone: "Asia/Kathmandu", width: hours(1), label: "2024-01-01 06:00", from: "2024-01-01T00:15Z", to: "2024-01-01T01:15Z"},
		{name: "Lord Howe's hour before the clock goes back to its middle", zone: "Australia/Lord_Howe", width: hours(1), label: "2024-04-07 01:00", from: "2024-04-06T14:00Z", to: "2024-04-06T15:00Z"},
		{name: "Lord Howe's repeated half hour", zone: "Australia/Lord_Howe", width: hours(1), label: "2024-04-07 01:00", from: "2024-04-06T15:00Z", to: "2024-04-06T15:30Z"},
		{name: "Lord Howe's half hour that is left over in spring", zone: "Australia/Lord_Howe", width: hours(1), label: "2024-10-06 02:00", from: "2024-10-05T15:30Z", to: "2024-10-05T16:00Z"},
		{name: "the one minute of St John's new day", zone: "America/St_Johns", width: hours(1), label: "2006-10-29", from: "2006-10-29T02:30Z", to: "2006-10-29T02:31Z"},
		{name: "the 59 minutes of its old hour that come again", zone: "America/St_Johns", width: hours(1), label: "2006-10-28 23:00", from: "2006-10-29T02:31Z", to: "2006-10-29T03:30Z"},
		{name: "a quarter of an hour in the repeated hour", zone: "Europe/Berlin", width: minutes(15), label: "2024-10-27 02:45", from: "2024-10-27T01:45Z", to: "2024-10-27T02:00Z"},
		{name: "25 seconds divide an hour", zone: "UTC", width: Width{Micros: 25 * second}, label: "2024-01-01 00:00:25", from: "2024-01-01T00:00:25Z", to: "2024-01-01T00:00:50Z"},
		{name: "quarter hours from five past", zone: "UTC", width: minutes(15), shift: 5 * minute, label: "2024-01-01 00:05", from: "2024-01-01T00:05Z", to: "2024-01-01T00:20Z"},
		{name: "90 minutes last 90 minutes whatever the clock does", zone: "Europe/Berlin", width: minutes(90), label: "2024-10-27 02:30", from: "2024-10-27T00:30Z", to: "2024-10-27T02:00Z"},
		{name: "seven hours count from the default origin", zone: "Europe/Berlin", width: hours(7), label: "2000-01-03 07:00", from: "2000-01-03T06:00Z", to: "2000-01-03T13:00Z"},
		{name: "36 hours are no number of days", zone: "Europe/Berlin", width: hours(36), label: "1999-12-31", from: "1999-12-30T23:00Z", to: "2000-01-01T11:00Z"},
		{name: "ten days", zone: "UTC", width: Width{Days: 10}, label: "2000-01-13", from: "2000-01-13T00:00Z", to: "2000-01-23T00:00Z"},
		{name: "a year far in the future follows the rule", zone: "Europe/Berlin", width: days, label: "2399-03-28", from: "2399-03-27T23:00Z", to: "2399-03-28T22:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bins(t, tt.width, load(t, tt.zone), tt.shift)
			want := Bin{From: utc(t, tt.from), To: utc(t, tt.to), Local: local(t, tt.label)}
			instants := []int64{want.From, want.To - 1}
			for i := range int64(47) {
				instants = append(instants, want.From+(want.To-want.From)/47*i)
			}
			for _, at := range instants {
				if got := b.At(at); got != want {
					t.Errorf("at %s: [%s, %s) %s", show(at), show(got.From), show(got.To), show(got.Local))
				}
			}
			if !want.Contains(want.From) || want.Contains(want.To) {
				t.Error("a bin is not half-open")
			}
		})
	}
}

func TestLocalBinsSplitAtEveryShift(t *testing.T) {
	z := load(t, "America/St_Johns")
	b, err := NewLocalBins(days, z, DefaultOrigin(days))
	if err != nil {
		t.Fatal(err)
	}
	var got [][2]string
	for bin := range b.All(utc(t, "2006-10-28T12:00Z"), utc(t, "2006-10-29T12:00Z")) {
		got = append(got, [2]string{show(bin.From), show(bin.Local)})
	}
	want := [][2]string{
		{"2006-10-28 02:30:00", "2006-10-28 00:00:00"},
		{"2006-10-29 02:30:00", "2006-10-29 00:00:00"}, // for a minute
		{"2006-10-29 02:31:00", "2006-10-28 00:00:00"}, // for 59 minutes
		{"2006-10-29 03:30:00", "2006-10-29 00:00:00"},
	}
	if len(got) != len(want) {
		t.Fatalf("bins %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("bin %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestLocalBinsOfAWidthThatFitsNoClockCountOnTheLocalClock(t *testing.T) {
	z := load(t, "Europe/Berlin")
	b, err := NewLocalBins(minutes(90), z, DefaultOrigin(minutes(90)))
	if err != nil {
		t.Fatal(err)
	}
	// 01:30 to 03:00 local, of which 02:00 to 03:00 is skipped.
	want := Bin{From: utc(t, "2024-03-31T00:30Z"), To: utc(t, "2024-03-31T01:00Z"), Local: local(t, "2024-03-31 01:30")}
	if got := b.At(want.From); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAllYieldsEveryBinThatHasAnInstantInTheRange(t *testing.T) {
	b := bins(t, days, load(t, "Pacific/Apia"), 0)
	var got []string
	from, to := utc(t, "2011-12-29T09:59Z"), utc(t, "2011-12-31T10:00Z")
	for bin := range b.All(from, to) {
		got = append(got, show(bin.Local)[:10])
	}
	if want := "[2011-12-28 2011-12-29 2011-12-31]"; len(got) != 3 || got[0] != "2011-12-28" || got[1] != "2011-12-29" || got[2] != "2011-12-31" {
		t.Errorf("days %v, want %s", got, want)
	}
	for bin := range b.All(from, from) {
		t.Errorf("an empty range has bin %v", bin)
	}
	for range b.All(from, to) {
		break // stopping early is allowed
	}
}

func TestBinsReachTheEndsOfTime(t *testing.T) {
	for _, z := range []*Zone{UTC, load(t, "Europe/Berlin"), load(t, "-15:00"), load(t, "Pacific/Kiritimati")} {
		for _, w := range everyWidth {
			b := bins(t, w, z, 0)
			first := b.At(math.MinInt64)
			if first.From != beginning || first.To <= first.From {
				t.Errorf("%s %v: first bin %v", z, w, first)
			}
			last := b.At(math.MaxInt64)
			if last.To != end || last.To <= last.From {
				t.Errorf("%s %v: last bin %v", z, w, last)
			}
			if next := b.Next(first); next.From != first.To || next.To <= next.From {
				t.Errorf("%s %v: bin %v follows %v", z, w, next, first)
			}
			if again := b.Next(last); again != last {
				t.Errorf("%s %v: bin %v follows the last, %v", z, w, again, last)
			}
		}
	}
}

func TestWidthsThatNoBinCanHave(t *testing.T) {
	for _, w := range []Width{
		{},
		{Months: -1},
		{Days: -1},
		{Micros: -1},
		{Months: 1, Days: 1},
		{Days: 1, Micros: 1},
		{Months: 1, Micros: hour},
		{Months: maxMonths + 1},
		{Days: maxDays + 1},
		{Micros: maxMicros + 1},
		{Micros: math.MaxInt64},
	} {
		if _, err := NewBins(w, UTC, 0); !errors.Is(err, ErrWidth) {
			t.Errorf("bins of %v: error %v", w, err)
		}
		if _, err := NewLocalBins(w, UTC, 0); !errors.Is(err, ErrWidth) {
			t.Errorf("local bins of %v: error %v", w, err)
		}
	}
	if _, err := NewBins(months, UTC, local(t, "2024-01-29")); !errors.Is(err, ErrOrigin) {
		t.Errorf("months from the 29th: error %v", err)
	}
	if _, err := NewLocalBins(months, UTC, local(t, "2024-01-31 12:00")); !errors.Is(err, ErrOrigin) {
		t.Errorf("local months from the 31st: error %v", err)
	}
}

func TestWidthsPrintAsIntervals(t *testing.T) {
	for want, w := range map[string]Width{
		"1 month": months, "7 days": weeks, "90 minutes": minutes(90), "1 hour": hours(1), "25 seconds": {Micros: 25 * second},
		"1500 milliseconds": {Micros: 1_500_000}, "1 microsecond": {Micros: 1}, "0 days": {}, "1 month 2 days -3 hours": {1, 2, -3 * hour},
	} {
		if got := w.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestShiftsThatFollowEachOtherAtOnce(t *testing.T) {
	// At 23:00 on New Year's Eve, clocks go back to 17:00; half an hour later, they go
	// forward to 18:00, and at 20:00, back to 19:30. No zone of the database does this.
	z, err := parseZone("Test/Zone", `type a +00:00:00 std AAA
type b -06:00:00 std BBB
type c -05:30:00 std CCC
type d -06:00:00 std DDD
1999-12-31T23:00:00 b
1999-12-31T23:30:00 c
2000-01-01T01:30:00 d
rule DDD6
`)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		width           Width
		label, from, to string
	}{
		{days, "1999-12-31", "1999-12-31T00:00Z", "2000-01-01T06:00Z"},
		{hours(2), "1999-12-31 22:00", "1999-12-31T22:00Z", "2000-01-01T06:00Z"}, // 22:59:59 was shown before the first shift
		{hours(2), "2000-01-01", "2000-01-01T06:00Z", "2000-01-01T08:00Z"},
		{hours(1), "1999-12-31 17:00", "1999-12-31T23:00Z", "1999-12-31T23:30Z"},
		{hours(1), "1999-12-31 19:00", "2000-01-01T00:30Z", "2000-01-01T01:30Z"},
		{hours(1), "1999-12-31 19:00", "2000-01-01T01:30Z", "2000-01-01T02:00Z"},
	}
	for _, tt := range tests {
		b := bins(t, tt.width, z, 0)
		want := Bin{From: utc(t, tt.from), To: utc(t, tt.to), Local: local(t, tt.label)}
		c := b.Cursor()
		c.At(utc(t, "1999-12-31T00:00Z"))
		for at := utc(t, "1999-12-31T00:00Z"); at < want.To; at += 10 * minute {
			if bin := c.At(at); at >= want.From && (bin != want || b.At(at) != want) {
				t.Errorf("%v: %s is in [%s, %s) %s by cursor, in %v without", tt.width, show(at), show(bin.From), show(bin.To), show(bin.Local), b.At(at))
			}
		}
	}
	o := newOracle(z, utc(t, "1999-12-30T00:00Z"), utc(t, "2000-01-03T00:00Z"), minute)
	o.checkPassage(t, z, 0, len(o.instants))
	if first, last, occurrence := z.Instants(local(t, "1999-12-31 19:30")); first != utc(t, "1999-12-31T19:30Z") || last != utc(t, "2000-01-01T01:30Z") || occurrence != Repeated {
		t.Errorf("19:30, shown three times: %s to %s, %v", show(first), show(last), occurrence)
	}
}
