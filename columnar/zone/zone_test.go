package zone

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// utc parses an instant with minutes, seconds or fractions, such as 2024-04-06T03:00Z.
func utc(t testing.TB, s string) int64 {
	t.Helper()
	for _, layout := range []string{"2006-01-02T15:04Z", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.999999Z"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UnixMicro()
		}
	}
	t.Fatalf("%q is no instant", s)
	return 0
}

// local parses a local time, such as 2024-04-06 03:00 or 2024-04-06.
func local(t testing.TB, s string) int64 {
	t.Helper()
	for _, layout := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05.999999"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UnixMicro()
		}
	}
	t.Fatalf("%q is no local time", s)
	return 0
}

func show(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999")
}

// load loads a zone that must exist.
func load(t testing.TB, name string) *Zone {
	t.Helper()
	z, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestVersionIsThatOfTheData(t *testing.T) {
	if got := compiledIn().version; got != Version {
		t.Errorf("Version is %s, tzdata.txt is %s", Version, got)
	}
}

func TestEveryZoneAgreesWithPython(t *testing.T) {
	file, err := os.Open("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	scanner := bufio.NewScanner(file)
	var tested []string
	for scanner.Scan() {
		line := scanner.Text()
		if release, ok := strings.CutPrefix(line, "# "); ok {
			if release != Version {
				t.Errorf("golden.txt is of release %s, tzdata.txt of %s", release, Version)
			}
			continue
		}
		name, want, _ := strings.Cut(line, " ")
		tested = append(tested, name)
		if got := goldenLine(load(t, name), utc(t, "1840-01-01T00:00Z"), utc(t, "2150-01-01T00:00Z")); got != want {
			t.Errorf("%s: changes and checksum are %s, want %s", name, got, want)
		}
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(tested)
	if names := Names(); !slices.Equal(tested, names) {
		t.Errorf("golden.txt has %d zones, the database %d", len(tested), len(names))
	}
}

// goldenLine says about a zone what testdata/golden.py says.
func goldenLine(z *Zone, from, to int64) string {
	state := fmt.Sprintf("%d %s\n", z.Offset(from)/second, z.Abbreviation(from))
	crc := crc32.ChecksumIEEE([]byte(time.UnixMicro(from).UTC().Format("2006-01-02T15:04:05 ") + state))
	changes := 0
	for tr := range z.Transitions(from+1, to) {
		next := fmt.Sprintf("%d %s\n", tr.Offset/second, tr.Abbreviation)
		if next == state {
			continue // only the daylight saving flag has changed
		}
		state = next
		changes++
		crc = crc32.Update(crc, crc32.IEEETable, []byte(time.UnixMicro(tr.At).UTC().Format("2006-01-02T15:04:05 ")+state))
	}
	return fmt.Sprintf("%d %08x", changes, crc)
}

func TestOffsets(t *testing.T) {
	tests := []struct {
		name, zone, at, offset, abbreviation string
		dst                                  bool
	}{
		{name: "summer in Berlin", zone: "Europe/Berlin", at: "2024-07-01T00:00Z", offset: "+02:00", abbreviation: "CEST", dst: true},
		{name: "the last microsecond of summer", zone: "Europe/Berlin", at: "2024-10-27T00:59:59.999999Z", offset: "+02:00", abbreviation: "CEST", dst: true},
		{name: "the first instant of winter", zone: "Europe/Berlin", at: "2024-10-27T01:00Z", offset: "+01:00", abbreviation: "CET"},
		{name: "the rule still holds in 2399", zone: "Europe/Berlin", at: "2399-07-01T00:00Z", offset: "+02:00", abbreviation: "CEST", dst: true},
		{name: "and in 9999", zone: "America/New_York", at: "9999-12-31T00:00Z", offset: "-05:00", abbreviation: "EST"},
		{name: "double summer time", zone: "Europe/London", at: "1944-06-06T00:00Z", offset: "+02:00", abbreviation: "BDST", dst: true},
		{name: "local mean time before the first transition", zone: "America/Caracas", at: "1800-01-01T00:00Z", offset: "-04:27:44", abbreviation: "LMT"},
		{name: "New York's mean time", zone: "America/New_York", at: "1850-01-01T00:00Z", offset: "-04:56:02", abbreviation: "LMT"},
		{name: "Monrovia's mean time had odd seconds until 1972", zone: "Africa/Monrovia", at: "1972-01-07T00:44:29Z", offset: "-00:44:30", abbreviation: "MMT"},
		{name: "Monrovia after it", zone: "Africa/Monrovia", at: "1972-01-07T00:44:30Z", offset: "+00:00", abbreviation: "GMT"},
		{name: "Juneau was a day ahead until 1867", zone: "America/Juneau", at: "1867-10-19T00:31:12Z", offset: "+15:02:19", abbreviation: "LMT"},
		{name: "and a day behind thereafter", zone: "America/Juneau", at: "1867-10-19T00:31:13Z", offset: "-08:57:41", abbreviation: "LMT"},
		{name: "Kathmandu", zone: "Asia/Kathmandu", at: "2024-01-01T00:00Z", offset: "+05:45", abbreviation: "+0545"},
		{name: "Casablanca goes back in Ramadan", zone: "Africa/Casablanca", at: "2024-03-20T00:00Z", offset: "+00:00", abbreviation: "+00", dst: true},
		{name: "Casablanca before it", zone: "Africa/Casablanca", at: "2024-03-01T00:00Z", offset: "+01:00", abbreviation: "+01"},
		{name: "Dublin's winter is the exception", zone: "Europe/Dublin", at: "2024-01-01T00:00Z", offset: "+00:00", abbreviation: "GMT", dst: true},
		{name: "Dublin's summer is standard", zone: "Europe/Dublin", at: "2024-07-01T00:00Z", offset: "+01:00", abbreviation: "IST"},
		{name: "Troll moves by two hours", zone: "Antarctica/Troll", at: "2024-07-01T00:00Z", offset: "+02:00", abbreviation: "+02", dst: true},
		{name: "Lord Howe moves by half an hour", zone: "Australia/Lord_Howe", at: "2024-07-01T00:00Z", offset: "+10:30", abbreviation: "+1030"},
		{name: "a link is as good as a zone", zone: "US/Pacific", at: "2024-07-01T00:00Z", offset: "-07:00", abbreviation: "PDT", dst: true},
		{name: "UTC", zone: "UTC", at: "2024-07-01T00:00Z", offset: "+00:00", abbreviation: "UTC"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, at := load(t, tt.zone), utc(t, tt.at)
			if got := offsetName(z.Offset(at)); got != tt.offset {
				t.Errorf("offset %s, want %s", got, tt.offset)
			}
			if got := z.Local(at) - at; got != z.Offset(at) {
				t.Errorf("Local is ahead by %d, Offset is %d", got, z.Offset(at))
			}
			if got := z.Abbreviation(at); got != tt.abbreviation {
				t.Errorf("abbreviation %s, want %s", got, tt.abbreviation)
			}
			if got := z.DST(at); got != tt.dst {
				t.Errorf("DST %v, want %v", got, tt.dst)
			}
		})
	}
}

func TestFixedOffsetsArePositiveEastOfGreenwich(t *testing.T) {
	for name, want := range map[string]struct {
		offset int64
		name   string
	}{
		"+01:00":    {hour, "+01:00"},
		"-07:00":    {-7 * hour, "-07:00"},
		"+0530":     {5*hour + 30*minute, "+05:30"},
		"-03":       {-3 * hour, "-03:00"},
		"+15:59:59": {16*hour - second, "+15:59:59"},
		"-00:44:30": {-44*minute - 30*second, "-00:44:30"},
		"+00:00":    {0, "UTC"},
		"Z":         {0, "UTC"},
	} {
		z := load(t, name)
		if z.Offset(0) != want.offset || z.Name() != want.name || z.String() != want.name {
			t.Errorf("%s: offset %d, name %s; want %d, %s", name, z.Offset(0), z, want.offset, want.name)
		}
		if again := load(t, want.name); again != z {
			t.Errorf("%s and %s are two zones", name, want.name)
		}
	}
}

func TestUnknownZonesSayWhatWasMeant(t *testing.T) {
	for name, hint := range map[string]string{
		"Europe/Berln":     "did you mean Europe/Berlin?",
		"europe/berlin":    "did you mean Europe/Berlin?",
		"Berlin":           "did you mean Europe/Berlin?",
		"America/New York": "did you mean America/New_York?",
		"Asia/Sydney":      "did you mean Australia/Sydney?",
		"utc":              "did you mean UTC?",
		"Mars/Olympus":     "",
		"":                 "",
		"+16:00":           "",
		"+1:00":            "",
		"+01:60":           "",
		"+01:00:":          "",
		"+0a":              "",
	} {
		_, err := Load(name)
		var unknown *UnknownError
		if !errors.Is(err, ErrUnknown) || !errors.As(err, &unknown) {
			t.Errorf("%q: error %v", name, err)
			continue
		}
		if unknown.Name != name || unknown.Hint() != hint || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: error %v with hint %q, want %q", name, err, unknown.Hint(), hint)
		}
	}
}

func TestLoadIsSafeForConcurrentUse(t *testing.T) {
	var group sync.WaitGroup
	loaded := make([]*Zone, 8)
	for i := range loaded {
		group.Go(func() {
			z, err := Load("America/Goose_Bay")
			if err == nil {
				z.Local(0)
			}
			loaded[i] = z
		})
	}
	group.Wait()
	for _, z := range loaded {
		if z == nil || z != loaded[0] {
			t.Fatalf("zones %p and %p", z, loaded[0])
		}
	}
}

func TestTransitions(t *testing.T) {
	z := load(t, "Europe/Berlin")
	var got []string
	for tr := range z.Transitions(utc(t, "1996-10-27T01:00Z"), utc(t, "1998-03-29T01:00Z")) {
		got = append(got, show(tr.At)+" "+offsetName(tr.Offset)+" "+tr.Abbreviation)
	}
	want := []string{
		"1996-10-27 01:00:00 +01:00 CET", // the last one stored
		"1997-03-30 01:00:00 +02:00 CEST",
		"1997-10-26 01:00:00 +01:00 CET",
	}
	if !slices.Equal(got, want) {
		t.Errorf("transitions %q, want %q", got, want)
	}
	for tr := range z.Transitions(beginning, end) {
		if got := show(tr.At); got != "1893-03-31 23:06:32" {
			t.Errorf("first transition %s", got)
		}
		break
	}
	for tr := range UTC.Transitions(beginning, end) {
		t.Errorf("UTC has transition %v", tr)
	}
}
