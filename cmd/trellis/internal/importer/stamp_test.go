package importer

import (
	"strings"
	"testing"
	"time"
)

// micros returns an instant that Go's own package reads.
func micros(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

func TestStampsOfManyFormsAreRead(t *testing.T) {
	tests := []struct {
		format, text, want string // want in UTC, as if local times were
		zoned              bool
	}{
		{"iso", "2024-03-31T02:30:00Z", "2024-03-31T02:30:00Z", true},
		{"iso", "2024-03-31 02:30", "2024-03-31T02:30:00Z", false},
		{"iso", "2024-03-31", "2024-03-31T00:00:00Z", false},
		{"iso", "2024/03/31 02:30:00.5", "2024-03-31T02:30:00.5Z", false},
		{"iso", "2024-03-31 02:30:00,123456789", "2024-03-31T02:30:00.123456Z", false},
		{"iso", "2024-03-31 02:30:00-07:00", "2024-03-31T09:30:00Z", true},
		{"iso", "2024-03-31 02:30:00 +0530", "2024-03-30T21:00:00Z", true},
		{"iso", "2024-03-31T02:30+01", "2024-03-31T01:30:00Z", true},
		{"iso", "20240331T023000Z", "2024-03-31T02:30:00Z", true},
		{"iso", "2024-03-31 24:00", "2024-04-01T00:00:00Z", false},
		{"iso", "2024-03-31 02:30:00 UTC", "2024-03-31T02:30:00Z", true},
		{"iso", "0001-01-01 00:00:00Z", "0001-01-01T00:00:00Z", true},
		{"unix", "1711852200", "2024-03-31T02:30:00Z", true},
		{"unix", "1711852200.25", "2024-03-31T02:30:00.25Z", true},
		{"unix", "-1.5", "1969-12-31T23:59:58.5Z", true},
		{"unix_ms", "1711852200001", "2024-03-31T02:30:00.001Z", true},
		{"unix_ns", "1711852200000001999", "2024-03-31T02:30:00.000001Z", true},
		{"unix_ns", "-1", "1969-12-31T23:59:59.999999Z", true},
		{"%d/%m/%Y %H.%M.%S", "10/03/2004 18.00.00", "2004-03-10T18:00:00Z", false},
		{"%m/%d/%y %I:%M %p", "3/31/24 2:30 PM", "2024-03-31T14:30:00Z", false},
		{"%m/%d/%y %I:%M %p", "3/31/24 12:05 AM", "2024-03-31T00:05:00Z", false},
		{"%d-%b-%Y %T", "31-mar-2024 02:30:00.75", "2024-03-31T02:30:00.75Z", false},
		{"%A, %d %B %Y %R %z", "Sunday, 31 March 2024 02:30 +02:00", "2024-03-31T00:30:00Z", true},
		{"%Y%j", "2024091", "2024-03-31T00:00:00Z", false},
		{"%y%m%d", "690101", "1969-01-01T00:00:00Z", false},
		{"%H:%M:%S.%f %d.%m.%Y", "02:30:00.5 31.03.2024", "2024-03-31T02:30:00.5Z", false},
		{"%s", "1711852200", "2024-03-31T02:30:00Z", true},
		{"100%% %F", "100% 2024-03-31", "2024-03-31T00:00:00Z", false},
		{"02.01.2006 15:04", "31.03.2024 02:30", "2024-03-31T02:30:00Z", false},
		{"2006-01-02T15:04:05Z07:00", "2024-03-31T02:30:00+01:00", "2024-03-31T01:30:00Z", true},
	}
	for _, test := range tests {
		l, err := newLayout(test.format)
		if err != nil {
			t.Fatalf("%s: %v", test.format, err)
		}
		got, ok := l.parse(test.text)
		if !ok || got.micros != micros(t, test.want) || got.zoned != test.zoned {
			t.Errorf("%s: %q is %v (zoned %v, read %v), want %s", test.format, test.text, time.UnixMicro(got.micros).UTC(), got.zoned, ok, test.want)
		}
	}
}

func TestWhatIsNoStampIsRefused(t *testing.T) {
	tests := map[string][]string{
		"iso": {
			"", "2024", "2024-13-01", "2024-02-30", "2023-02-29 00:00", "2024-03-31 25:00", "2024-03-31 24:01", "2024-03-31 02:60", "2024-03-31 02:30:61",
			"2024-03-31 02:30x", "2024-03-31T", "2024-3-1", "24-03-31", "2024-03-31 02:30:00+99", "2024-03-31 02:30:00.", "yesterday", "2024-03-31 02:30:00 MEZ",
		},
		"unix":              {"", "x", "1e9", "99999999999999999999", "9223372036854775807"},
		"%d.%m.%Y":          {"31.02.2024", "1.1.24", "01.01.2024 ", "x01.01.2024", "01/01/2024"},
		"%I:%M %p %d.%m.%Y": {"13:00 PM 01.01.2024", "0:00 AM 01.01.2024", "1:00 XM 01.01.2024", "1:00 P"},
		"%Y %j":             {"2023 366", "2024 0", "2024 400"},
		"02.01.2006":        {"31.02.2024"},
	}
	for format, texts := range tests {
		l, err := newLayout(format)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if got, ok := l.parse(text); ok {
				t.Errorf("%s: %q is read as %v", format, text, time.UnixMicro(got.micros).UTC())
			}
		}
	}
}

func TestFormatsThatSayNothingAreRefused(t *testing.T) {
	for format, want := range map[string]string{
		"dd.mm.yyyy":          "unknown time format",
		"%Q":                  "there is no directive %Q",
		"%d.%":                "the directives are",
		"2006-01-02 15:04MST": "abbreviations of zones are ambiguous",
	} {
		if _, err := newLayout(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", format, err, want)
		}
	}
}

func TestTheFormOfStampsIsFound(t *testing.T) {
	tests := []struct {
		name   string
		stamps []string
		want   string
	}{
		{"ISO", []string{"2024-01-01 00:00", "2024-01-01 00:01"}, "iso"},
		{"seconds since 1970", []string{"1711852200", "1711852201"}, "unix"},
		{"milliseconds since 1970", []string{"1711852200000", "1711852201000"}, "unix_ms"},
		{"the day first, for there are more than twelve", []string{"01/02/2024 00:00", "13/02/2024 00:00"}, "%d/%m/%Y %H:%M"},
		{"the month first, for there are more than twelve days", []string{"01/02/2024", "02/13/2024"}, "%m/%d/%Y"},
		{"points mean that the day is first", []string{"01.02.2024 00:00:00"}, "%d.%m.%Y %H:%M:%S"},
		{"points in the time of day", []string{"10/03/2004 18.00.00", "13/03/2004 00.00.00"}, "%d/%m/%Y %H.%M.%S"},
		{"half of a day", []string{"Mar 13, 2024 1:00 PM"}, "%b %d, %Y %I:%M %p"},
		{"an offset", []string{"31.03.2024 02:30 +0100"}, "%d.%m.%Y %H:%M %z"},
		{"a few of another kind do not count", []string{"", "n/a", "2024-01-01", "2024-01-02"}, "iso"},
		{"none at all", []string{"", ""}, "iso"},
	}
	for _, test := range tests {
		l, err := detectLayout(test.stamps)
		if err != nil || l.name != test.want {
			t.Errorf("%s: %v (%v), want %s", test.name, l, err, test.want)
		}
	}
	for _, stamps := range [][]string{{"01/02/2024"}, {"soon", "later"}} {
		if l, err := detectLayout(stamps); err == nil {
			t.Errorf("%q are taken for %s", stamps, l.name)
		}
	}
}

func FuzzStampsAreInRangeOrRefused(f *testing.F) {
	for _, s := range []string{"2024-03-31T02:30:00.5+01:00", "10/03/2004 18.00.00", "31-mar-2024", "1711852200"} {
		f.Add("iso", s)
		f.Add("%d/%m/%Y %H.%M.%S", s)
		f.Add("%A %b %e %T %p %j %y%z", s)
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		l, err := newLayout(format)
		if err != nil {
			return
		}
		got, ok := l.parse(text)
		if !ok || strings.HasPrefix(format, "unix") || strings.Contains(format, "%s") || !strings.Contains(format, "%") && format != layoutISO {
			return
		}
		if y := time.UnixMicro(got.micros).UTC().Year(); y < -2 || y > 10001 {
			t.Errorf("%s: %q is of the year %d", format, text, y)
		}
	})
}

func FuzzISOAgreesWithGo(f *testing.F) {
	f.Add(int64(1711852200_000000))
	f.Add(int64(-62135596800_000000))
	f.Fuzz(func(t *testing.T, micros int64) {
		at := time.UnixMicro(micros).UTC()
		if at.Year() < 1 || at.Year() > 9999 {
			return
		}
		for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999Z07:00", "20060102T150405.999999Z0700"} {
			text := at.In(time.FixedZone("", 5*3600+1800)).Format(form)
			if strings.HasPrefix(text, "-") || len(text) > 40 || at.Year() > 9998 || at.Year() < 2 {
				continue
			}
			got, ok := parseISO(text)
			if !ok || !got.zoned || got.micros != micros {
				t.Errorf("%s is %d (%v), want %d", text, got.micros, ok, micros)
			}
		}
	})
}
