package zone

import (
	"errors"
	"testing"
)

// FuzzParseRule parses any string as a POSIX rule; one that is accepted must change the
// clock forward in time, for ever.
func FuzzParseRule(f *testing.F) {
	for _, s := range []string{
		"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "IST-1GMT0,M10.5.0,M3.5.0/1",
		"EET-2EEST,M3.4.4/50,M10.4.4/50", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "XXX3YYY,J60/2,300/-167:59:59", "EST5EDT,0/0,J365/25",
		"LMT0:0:1", "A1", "<+0>", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0,", "CET-1CET-1,M3.5.0,M10.5.0",
	} {
		f.Add(s, int64(0))
	}
	f.Fuzz(func(t *testing.T, s string, at int64) {
		rule, always, err := parseRule(s)
		if err != nil {
			if !errors.Is(err, errRule) || rule != nil {
				t.Fatalf("%q: rule %v with error %v", s, rule, err)
			}
			return
		}
		if always.Offset < -maxOffset || always.Offset > maxOffset {
			t.Fatalf("%q: offset %d", s, always.Offset)
		}
		if rule == nil {
			return
		}
		at = clampInstant(at)
		k := rule.find(at)
		if rule.at(k).At > at || at < end && rule.at(k+1).At <= at {
			t.Fatalf("%q: change %d is not the last before %d", s, k, at)
		}
	})
}

// FuzzParseZone parses any text as the lines of a zone; one that is accepted must
// partition time.
func FuzzParseZone(f *testing.F) {
	db := compiledIn()
	for _, name := range []string{"Africa/Abidjan", "America/Juneau", "Antarctica/Troll", "Asia/Hebron", "Etc/UTC"} {
		f.Add(db.zones[name], int64(0))
	}
	f.Add("type a +00:00:00 std AAA\ntype b +26:00:00 dst BBB\n0001-01-01T00:00:00 b\n0001-01-01T00:00:01 a\n0001-01-01T00:00:02 b\nrule BBB-26\n", int64(-62135596799e6))
	f.Add("type a +00:00:00 std AAA\nrule AAA0\n\n", int64(1))
	f.Fuzz(func(t *testing.T, body string, at int64) {
		z, err := parseZone("Test/Zone", body)
		if err != nil {
			if !errors.Is(err, errData) || z != nil {
				t.Fatalf("zone %v with error %v", z, err)
			}
			return
		}
		at = min(max(at, beginning+day), end-day)
		for _, w := range []Width{days, hours(1), minutes(90), months} {
			b, err := NewBins(w, z, DefaultOrigin(w))
			if err != nil {
				t.Fatal(err)
			}
			bin := b.At(at)
			if !bin.Contains(at) || b.At(bin.From) != bin || b.At(bin.To-1) != bin {
				t.Fatalf("%v: %v is the bin of %d", w, bin, at)
			}
			if next := b.Next(bin); bin.To != end && next.From != bin.To {
				t.Fatalf("%v: %v follows %v", w, next, bin)
			}
		}
		if first, last, _ := z.Instants(at); first > last {
			t.Fatalf("%d has candidates %d and %d", at, first, last)
		}
	})
}

// FuzzSplitDatabase splits any text; what is accepted has a release, and links that lead
// somewhere.
func FuzzSplitDatabase(f *testing.F) {
	f.Add("tzdata 2026f\nzone A\ntype a +00:00:00 std UTC\nrule UTC0\nzone B\nlink C A\n")
	f.Add("tzdata 1\nlink A B\n")
	f.Add("tzdata 1\nzone \n")
	f.Add("zone A\n")
	f.Add("tzdata 1\nzone A\nlink B\n")
	f.Fuzz(func(t *testing.T, text string) {
		db, err := splitDatabase(text)
		if err != nil {
			if !errors.Is(err, errData) || db != nil {
				t.Fatalf("database %v with error %v", db, err)
			}
			return
		}
		for name, target := range db.links {
			if _, ok := db.zones[target]; !ok {
				t.Fatalf("link %s leads to %s", name, target)
			}
		}
	})
}

func TestDamagedZonesAreRefused(t *testing.T) {
	const good = "type a +00:00:00 std AAA\ntype b +01:00:00 dst BBB\n2000-01-01T00:00:00 b\n2001-01-01T00:00:00 a\n"
	for what, body := range map[string]string{
		"nothing":                       "",
		"no rule":                       good,
		"lines after the rule":          good + "rule AAA0\n2002-01-01T00:00:00 b\n",
		"a transition before a type":    "2000-01-01T00:00:00 a\n" + good + "rule AAA0\n",
		"letters out of order":          "type b +00:00:00 std AAA\nrule AAA0\n",
		"an offset that no clock has":   "type a +27:00:00 std AAA\nrule AAA-24\n",
		"neither standard nor daylight": "type a +00:00:00 xyz AAA\nrule AAA0\n",
		"a type that is not there":      good + "2002-01-01T00:00:00 c\nrule AAA0\n",
		"instants that do not ascend":   good + "2001-01-01T00:00:00 b\nrule BBB-1\n",
		"30 February":                   good + "2002-02-30T00:00:00 b\nrule BBB-1\n",
		"25 o'clock":                    good + "2002-02-03T25:00:00 b\nrule BBB-1\n",
		"a short instant":               good + "2002-02-03 b\nrule BBB-1\n",
		"letters in an instant":         good + "2002-02-0xT00:00:00 b\nrule BBB-1\n",
		"a rule that contradicts":       good + "rule AAA-1\n",
		"a yearly rule of other times":  good + "rule CCC0DDD,M3.5.0,M10.5.0\n",
		"a yearly rule from nowhere":    "type a +00:00:00 std AAA\nrule AAA0BBB,M3.5.0,M10.5.0\n",
		"a malformed rule":              good + "rule AAA0BBB,M3\n",
	} {
		if z, err := parseZone("Test/Zone", body); !errors.Is(err, errData) || z != nil {
			t.Errorf("%s: zone %v, error %v", what, z, err)
		}
	}
	if _, err := parseZone("Test/Zone", good+"rule AAA0\n"); err != nil {
		t.Errorf("the undamaged zone: %v", err)
	}
}
