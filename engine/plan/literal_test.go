package plan

import (
	"errors"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar/zone"
)

func mustZone(t testing.TB, name string) *zone.Zone {
	t.Helper()
	z, err := zone.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestParseLiteral(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	now := time.Date(2024, 3, 5, 23, 30, 0, 0, time.UTC).UnixMicro() // 00:30 on the 6th in Berlin
	tests := []struct {
		text string
		t    Type
		want string // the value printed in UTC, or the SQLSTATE of the error
	}{
		{"2015-01-01", Timestamptz, "2014-12-31 23:00:00+00"},
		{"2015-01-01 06:00", Timestamptz, "2015-01-01 05:00:00+00"},
		{"2015-07-01T06:00:00.25", Timestamptz, "2015-07-01 04:00:00.25+00"},
		{"2015-07-01T06:00:00Z", Timestamptz, "2015-07-01 06:00:00+00"},
		{"2015-07-01 06:00:00+05:30", Timestamptz, "2015-07-01 00:30:00+00"},
		{"2015-07-01 06:00:00 -03", Timestamptz, "2015-07-01 09:00:00+00"},
		{"2015-07-01 06:00 America/Santiago", Timestamptz, "2015-07-01 09:00:00+00"},
		{"2015-07-01 UTC", Timestamptz, "2015-07-01 00:00:00+00"},
		{"20150701T060000Z", Timestamptz, "2015-07-01 06:00:00+00"},
		{"1 July 2015 6:05 PM", Timestamptz, "2015-07-01 16:05:00+00"},
		{"July 1, 2015", Timestamp, "2015-07-01 00:00:00"},
		{"2015-Jul-01", Date, "2015-07-01"},
		{"Wed Jul 1 2015 12:00 am", Timestamp, "2015-07-01 00:00:00"},
		{"now", Timestamptz, "2024-03-05 23:30:00+00"},
		{"today", Timestamptz, "2024-03-05 23:00:00+00"},
		{"yesterday", Date, "2024-03-05"},
		{"tomorrow 06:00", Timestamp, "2024-03-07 06:00:00"},
		{"epoch", Timestamp, "1970-01-01 00:00:00"},
		{"infinity", Timestamptz, "infinity"},
		{"-infinity", Date, "-infinity"},
		{"2024-03-31 02:30", Timestamptz, "2024-03-31 01:30:00+00"}, // skipped: first passage
		{"2024-10-27 02:30", Timestamptz, "2024-10-27 01:30:00+00"}, // repeated: the first one
		{"2015-06-30 24:00", Timestamp, "2015-07-01 00:00:00"},
		{"0044-03-15 BC", Date, "0044-03-15 BC"},
		{"1969-12-31 23:59:59.999999", Timestamp, "1969-12-31 23:59:59.999999"},
		{"06:30", Time, "06:30:00"},
		{"2015-13-01", Date, CodeDatetimeRange},
		{"2015-02-29", Timestamptz, CodeDatetimeRange},
		{"01/02/2015", Date, CodeDatetimeFormat},
		{"2015-01", Date, CodeDatetimeFormat},
		{"2015-01-01 25:00", Timestamp, CodeDatetimeRange},
		{"2024-02-29 25:00:00", Timestamp, CodeDatetimeRange},
		{"2024-02-29 13:60:00", Timestamp, CodeDatetimeRange},
		{"2024-02-29 13:00:61", Timestamptz, CodeDatetimeRange},
		{"24:00:01", Time, CodeDatetimeRange},
		{"2024-02-29 13:5x:00", Timestamp, CodeDatetimeFormat},
		{"2015-01-01 06:00 Mars/Olympus", Timestamptz, CodeUnknownZone},
		{"06:30", Timestamptz, CodeDatetimeFormat},
		{"soon", Timestamptz, CodeDatetimeFormat},
		{"", Timestamptz, CodeDatetimeFormat},

		{"1 month", Interval, "1 mon"},
		{"1 year 2 mons -3 days 04:05:06.7", Interval, "1 year 2 mons -3 days +04:05:06.7"},
		{"15m", Interval, "00:15:00"},
		{"1 h", Interval, "01:00:00"},
		{"1.5 months", Interval, "1 mon 15 days"},
		{"1.5 days", Interval, "1 day 12:00:00"},
		{"2 weeks", Interval, "14 days"},
		{"90", Interval, "00:01:30"},
		{"@ 2 hours ago", Interval, "-02:00:00"},
		{"1-2", Interval, "1 year 2 mons"},
		{"P1Y2M3DT4H5M6.5S", Interval, "1 year 2 mons 3 days 04:05:06.5"},
		{"P1W", Interval, "7 days"},
		{"PT15M", Interval, "00:15:00"},
		{"250 ms", Interval, "00:00:00.25"},
		{"100:00", Interval, "100:00:00"},
		{"9007199254740993 microseconds", Interval, "2501999:47:34.740993"},
		{"-59999999639999999 microseconds", Interval, "-16666666:33:59.999999"},
		{"9223372036854775807 us", Interval, "2562047788:00:54.775807"},
		{"-9223372036854775808 us", Interval, "-2562047788:00:54.775808"},
		{"2562047788:00:54.775807", Interval, "2562047788:00:54.775807"},
		{"9223372036854775808 us", Interval, CodeDatetimeRange},
		{"-9223372036854775808 us ago", Interval, CodeDatetimeRange},
		{"9223372036854775807 us 1 us", Interval, CodeDatetimeRange},
		{"2562047789 hours", Interval, CodeDatetimeRange},
		{"-0.5 hours", Interval, "-00:30:00"},
		{"-.25 s", Interval, "-00:00:00.25"},
		{"1.5 years ago", Interval, "-1 years -6 mons"},
		{"-1-2", Interval, "-1 years -2 mons"},
		{"1-12", Interval, CodeDatetimeFormat},
		{". s", Interval, CodeDatetimeFormat},
		{"01:60", Interval, CodeDatetimeRange},
		{"1::2", Interval, CodeDatetimeFormat},
		{"1 fortnight", Interval, CodeDatetimeFormat},
		{"P", Interval, CodeDatetimeFormat},
		{"month", Interval, CodeDatetimeFormat},
		{"1 2 days", Interval, CodeDatetimeFormat},
		{"9999999999 years", Interval, CodeDatetimeRange},

		{"yes", Boolean, "true"},
		{"F", Boolean, "false"},
		{"o", Boolean, CodeInvalidText},
		{" 42 ", Bigint, "42"},
		{"9223372036854775808", Bigint, CodeOutOfRange},
		{"4.5", Bigint, CodeInvalidText},
		{"1e-3", Double, "0.001"},
		{"1e15", Double, "1e+15"},
		{"-Infinity", Double, "-Infinity"},
		{"0x10", Double, CodeInvalidText},
		{"1e999", Double, CodeOutOfRange},
		{`{"a": 1}`, JSON, `{"a": 1}`},
		{`{a: 1}`, JSON, CodeInvalidText},
		{" x ", Text, " x "},
	}
	for _, tt := range tests {
		t.Run(tt.t.String()+" "+tt.text, func(t *testing.T) {
			v, err := ParseLiteral(tt.text, tt.t, berlin, now)
			got := ""
			var mistake *Error
			if errors.As(err, &mistake) {
				got = mistake.Code
			} else {
				got = FormatValue(v, tt.t, nil)
			}
			if got != tt.want {
				t.Errorf("%s %q is %s, want %s (%v)", tt.t, tt.text, got, tt.want, err)
			}
		})
	}
}

// FuzzParseLiteral checks that no text makes ParseLiteral panic, and that what it
// reads prints as a text that reads as the same.
func FuzzParseLiteral(f *testing.F) {
	for _, seed := range []string{"2015-01-01 06:00:00+05:30", "1 year 2 mons -3 days 04:05:06.7", "P1Y2M3DT4H5M6S", "Wed Jul 1 2015 12:00 am", "-1.5e10", "T", "0001-01-01 BC", "+ 1 day"} {
		f.Add(seed)
	}
	berlin := mustZone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text string) {
		for typ := Boolean; typ <= JSON; typ++ {
			v, err := ParseLiteral(text, typ, berlin, 0)
			if err != nil {
				continue
			}
			printed := FormatValue(v, typ, berlin)
			again, err := ParseLiteral(printed, typ, berlin, 0)
			if err != nil {
				t.Fatalf("%s %q reads as %v and prints as %q, which does not read: %v", typ, text, v, printed, err)
			}
			if twice := FormatValue(again, typ, berlin); twice != printed {
				t.Fatalf("%s %q prints as %q, then as %q", typ, text, printed, twice)
			}
		}
	})
}
