package zone

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestCalendarsNumberTheBinsOfTheirWidth(t *testing.T) {
	names := []string{"UTC", "Europe/Berlin", "America/Santiago", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Juneau", "Asia/Manila"}
	widths := []Width{{Days: 1}, {Days: 2}, {Days: 7}, {Days: 14}, {Months: 1}, {Months: 3}, {Months: 12}, {Months: 24}}
	rapid.Check(t, func(t *rapid.T) {
		z, err := Load(rapid.SampledFrom(names).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		w := rapid.SampledFrom(widths).Draw(t, "width")
		phase := rapid.Int64Range(0, 23).Draw(t, "phase") * hour
		c, err := NewCalendar(w, z, phase)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := NewCalendar(w, z, phase); again != c {
			t.Fatal("two equal calendars are not the same")
		}
		bins, err := NewBins(w, z, DefaultOrigin(w)+phase)
		if err != nil {
			t.Fatal(err)
		}
		at := rapid.Int64Range(-8000*day*10, 8000*day*10).Draw(t, "time")
		n := c.Number(at)
		if bin := bins.At(at); c.Begin(n) != bin.From || c.Begin(n+1) != bin.To {
			t.Fatalf("%d is in bin %d, from %d to %d: want %+v", at, n, c.Begin(n), c.Begin(n+1), bin)
		}
		if c.Begin(n) > c.Begin(n+1) || c.Number(c.Begin(n)) != n {
			t.Fatalf("bin %d of %d", n, at)
		}
	})
}

func TestCalendarsCountFrom1970(t *testing.T) {
	tests := []struct {
		name  string
		width Width
		zone  string
		n     int64
		begin string
	}{
		{"day 0 is 1 January 1970", Width{Days: 1}, "UTC", 0, "1970-01-01T00:00:00Z"},
		{"week 0 begins on the Monday before", Width{Days: 7}, "UTC", 0, "1969-12-29T00:00:00Z"},
		{"month 24 is January 1972", Width{Months: 1}, "Asia/Kolkata", 24, "1971-12-31T18:30:00Z"},
		{"a day that was skipped begins where the next does", Width{Days: 1}, "Pacific/Apia", 15338, "2011-12-30T10:00:00Z"},
		{"the day after it", Width{Days: 1}, "Pacific/Apia", 15339, "2011-12-30T10:00:00Z"},
		{"a day without a midnight begins at 1 o'clock", Width{Days: 1}, "America/Santiago", 19974, "2024-09-08T04:00:00Z"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			z, err := Load(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			c, err := NewCalendar(test.width, z, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Begin(test.n); got != utc(t, test.begin) {
				t.Errorf("it begins at %d, want %s", got, test.begin)
			}
		})
	}
}

func TestCalendarsThatCannotBe(t *testing.T) {
	for _, w := range []Width{{}, {Micros: hour}, {Months: 1, Days: 1}, {Days: -1}} {
		if _, err := NewCalendar(w, UTC, 0); !errors.Is(err, ErrWidth) {
			t.Errorf("%v: %v", w, err)
		}
	}
	for _, phase := range []int64{-1, day} {
		if _, err := NewCalendar(Width{Days: 1}, UTC, phase); !errors.Is(err, ErrOrigin) {
			t.Errorf("phase %d: %v", phase, err)
		}
	}
}
