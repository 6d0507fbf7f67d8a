package zone

import (
	"slices"
	"testing"
)

func TestInstants(t *testing.T) {
	tests := []struct {
		name, zone, local, first, last string
		occurrence                     Occurrence
	}{
		{name: "an ordinary local time", zone: "Europe/Berlin", local: "2024-07-01 12:00", first: "2024-07-01T10:00Z", last: "2024-07-01T10:00Z", occurrence: Unique},
		{name: "a repeated local time", zone: "Europe/Berlin", local: "2024-10-27 02:30", first: "2024-10-27T00:30Z", last: "2024-10-27T01:30Z", occurrence: Repeated},
		{name: "the first repeated microsecond", zone: "Europe/Berlin", local: "2024-10-27 02:00", first: "2024-10-27T00:00Z", last: "2024-10-27T01:00Z", occurrence: Repeated},
		{name: "the first microsecond after the repeated hour", zone: "Europe/Berlin", local: "2024-10-27 03:00", first: "2024-10-27T02:00Z", last: "2024-10-27T02:00Z", occurrence: Unique},
		{name: "a skipped local time", zone: "Europe/Berlin", local: "2024-03-31 02:30", first: "2024-03-31T01:00Z", last: "2024-03-31T01:30Z", occurrence: Skipped},
		{name: "the first skipped microsecond", zone: "Europe/Berlin", local: "2024-03-31 02:00", first: "2024-03-31T01:00Z", last: "2024-03-31T01:00Z", occurrence: Skipped},
		{name: "the first microsecond after the gap", zone: "Europe/Berlin", local: "2024-03-31 03:00", first: "2024-03-31T01:00Z", last: "2024-03-31T01:00Z", occurrence: Unique},
		{name: "noon of a skipped day", zone: "Pacific/Apia", local: "2011-12-30 12:00", first: "2011-12-30T10:00Z", last: "2011-12-30T22:00Z", occurrence: Skipped},
		{name: "noon of a day that came twice", zone: "America/Juneau", local: "1867-10-19 12:00", first: "1867-10-18T20:57:41Z", last: "1867-10-19T20:57:41Z", occurrence: Repeated},
		{name: "a half hour repeated", zone: "Australia/Lord_Howe", local: "2024-04-07 01:45", first: "2024-04-06T14:45Z", last: "2024-04-06T15:15Z", occurrence: Repeated},
		{name: "UTC", zone: "UTC", local: "2024-04-07 01:45", first: "2024-04-07T01:45Z", last: "2024-04-07T01:45Z", occurrence: Unique},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, l := load(t, tt.zone), local(t, tt.local)
			first, last, o := z.Instants(l)
			if first != utc(t, tt.first) || last != utc(t, tt.last) || o != tt.occurrence {
				t.Errorf("%s to %s, %v", show(first), show(last), o)
			}
			if got := z.Instant(l); got != first {
				t.Errorf("first passage %s, want %s", show(got), show(first))
			}
		})
	}
}

func TestResolverTakesARepeatedHourInOrder(t *testing.T) {
	tests := []struct {
		name   string
		stamps []string
		want   []string
	}{
		{
			name:   "half hours through the night",
			stamps: []string{"2024-10-27 01:30", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 02:00", "2024-10-27 02:30", "2024-10-27 03:00"},
			want:   []string{"2024-10-26T23:30Z", "2024-10-27T00:00Z", "2024-10-27T00:30Z", "2024-10-27T01:00Z", "2024-10-27T01:30Z", "2024-10-27T02:00Z"},
		},
		{
			name:   "hours through the night",
			stamps: []string{"2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"},
			want:   []string{"2024-10-26T23:00Z", "2024-10-27T00:00Z", "2024-10-27T01:00Z", "2024-10-27T02:00Z"},
		},
		{
			name:   "a file that ends in the first of the two hours",
			stamps: []string{"2024-10-27 02:15", "2024-10-27 02:45"},
			want:   []string{"2024-10-27T00:15Z", "2024-10-27T00:45Z"},
		},
		{
			name:   "an older file after a newer one starts anew",
			stamps: []string{"2024-12-01 00:00", "2024-10-27 02:15", "2024-10-27 02:00"},
			want:   []string{"2024-11-30T23:00Z", "2024-10-27T00:15Z", "2024-10-27T01:00Z"},
		},
		{
			name:   "a skipped stamp passes with the gap",
			stamps: []string{"2024-03-31 01:59", "2024-03-31 02:30", "2024-03-31 03:00"},
			want:   []string{"2024-03-31T00:59Z", "2024-03-31T01:00Z", "2024-03-31T01:00Z"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := load(t, "Europe/Berlin").Resolver()
			for i, stamp := range tt.stamps {
				got, o := r.Instant(local(t, stamp))
				if got != utc(t, tt.want[i]) {
					t.Errorf("stamp %d, %s (%v): %s, want %s", i, stamp, o, show(got), tt.want[i])
				}
			}
		})
	}
}

func TestResolverGivesBackEveryInstantInOrder(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Juneau", "America/St_Johns", "Africa/Casablanca"} {
		z := load(t, name)
		for _, shift := range shiftsOf(z, utc(t, "1860-01-01T00:00Z"), utc(t, "2120-01-01T00:00Z")) {
			r := z.Resolver()
			for at := shift - 10*day; at < shift+10*day; at += 19 * minute {
				if got, o := r.Instant(z.Local(at)); got != at {
					t.Fatalf("%s: %s became %s (%v)", name, show(at), show(got), o)
				}
			}
		}
	}
}

func TestLocalTimesAreLocalOfEach(t *testing.T) {
	z := load(t, "America/Santiago")
	var src []int64
	for at := utc(t, "1850-01-01T00:00Z"); at < utc(t, "2150-01-01T00:00Z"); at += 3*day + 7*hour {
		src = append(src, at)
	}
	slices.Reverse(src[:len(src)/2]) // not even sorted
	src = append(src, end+1, end, 0, beginning, beginning-1)
	dst := make([]int64, len(src))
	z.LocalTimes(dst, src)
	for i, at := range src {
		if want := z.Local(at); dst[i] != want {
			t.Fatalf("local time of %s is %s, want %s", show(at), show(dst[i]), show(want))
		}
	}
	z.LocalTimes(nil, nil)
	z.LocalTimes(src, src)
	if !slices.Equal(src, dst) {
		t.Error("in place, the result differs")
	}
}

func TestOccurrencesPrint(t *testing.T) {
	for o, want := range map[Occurrence]string{Unique: "unique", Skipped: "skipped", Repeated: "repeated"} {
		if o.String() != want {
			t.Errorf("%q, want %q", o, want)
		}
	}
}
