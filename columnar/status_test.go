package columnar

import "testing"

func TestQualityIsTheClassOfTheStatus(t *testing.T) {
	tests := []struct {
		name   string
		status Status
		want   Quality
	}{
		{name: "good", status: StatusGood, want: Good},
		{name: "good with flags in all other bits", status: 0x3FFF_FFFF, want: Good},
		{name: "uncertain", status: StatusUncertain, want: Uncertain},
		{name: "uncertain with flags", status: 0x7FFF_FFFF, want: Uncertain},
		{name: "bad", status: StatusBad, want: Bad},
		{name: "bad, no data", status: StatusBadNoData, want: Bad},
		{name: "the reserved severity is bad", status: 0xC000_0000, want: Bad},
		{name: "all bits", status: 0xFFFF_FFFF, want: Bad},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.status.Quality(); got != test.want {
				t.Errorf("quality of %#x is %s, want %s", uint32(test.status), got, test.want)
			}
			for set := range AnyQuality + 1 {
				if set.Has(test.want) != (set.highBits()>>(test.status>>30)&1 == 1) {
					t.Errorf("set %b has status %#x by one rule only", set, uint32(test.status))
				}
			}
		})
	}
}

func TestQualitiesAndMarksHaveNames(t *testing.T) {
	for q, name := range map[Quality]string{Good: "good", Uncertain: "uncertain", Bad: "bad"} {
		if got, ok := ParseQuality(name); q.String() != name || !ok || got != q {
			t.Errorf("quality %d is %q, and %q is %d, %t", q, q, name, got, ok)
		}
	}
	if q, ok := ParseQuality("Good"); ok {
		t.Errorf("Good is quality %d", q)
	}
	for m, name := range map[Mark]string{Unedited: "", Inserted: "inserted", Replaced: "replaced", Deleted: "deleted"} {
		if m.String() != name {
			t.Errorf("mark %d is %q, want %q", m, m, name)
		}
	}
	if s := Mark(200).String() + Quality(200).String(); s != "deletedbad" {
		t.Errorf("numbers that mean nothing are named %q", s)
	}
}
