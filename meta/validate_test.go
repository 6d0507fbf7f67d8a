package meta_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

func valid() meta.Series {
	return meta.Series{
		Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000}},
		Name:   "plant1/boiler/steam.temp",
	}.WithDefaults()
}

func ptr(v float64) *float64 { return &v }

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(s *meta.Series)
		say    string // part of the error; empty: there is none
	}{
		{"defaults are valid", func(*meta.Series) {}, ""},
		{"a name is needed", func(s *meta.Series) { s.Name = "" }, "the name is empty: give one"},
		{"a name may have 1,024 bytes", func(s *meta.Series) { s.Name = strings.Repeat("é", 512) }, ""},
		{"a name may not have 1,025 bytes", func(s *meta.Series) { s.Name = strings.Repeat("x", 1025) }, "1025 bytes: shorten it to 1024"},
		{"a name is UTF-8", func(s *meta.Series) { s.Name = "a\xff" }, "not UTF-8"},
		{"a name is one line", func(s *meta.Series) { s.Name = "a\nb" }, "control character"},
		{"a name has no C1 control character", func(s *meta.Series) { s.Name = "a\u0085b" }, "control character"},
		{"a name may have spaces, quotes and any script", func(s *meta.Series) { s.Name = ` "'工場/🔥` }, ""},
		{"a type is needed", func(s *meta.Series) { s.Type = 0 }, "unknown type(0): use double"},
		{"a type is known", func(s *meta.Series) { s.Type = 77 }, "unknown type(77): use double"},
		{"an interpolation is known", func(s *meta.Series) { s.Interpolation = 2 }, "use linear or step"},
		{"a period is at least 1 µs", func(s *meta.Series) { s.Grid.Period = 0 }, "sample period of 0 µs"},
		{"a period is not negative", func(s *meta.Series) { s.Grid.Period = -1 }, "sample period of -1 µs"},
		{"a period is at most 366 days", func(s *meta.Series) { s.Grid.Period = columnar.MaxPeriod + 1 }, "366 days"},
		{"a block has at least a slot", func(s *meta.Series) { s.Grid.BlockLen = 0 }, "block length of 0"},
		{"a block has at most 65,536 slots", func(s *meta.Series) { s.Grid.BlockLen = columnar.MaxBlockLen + 1 }, "65536"},
		{"a zone is known", func(s *meta.Series) { s.Zone = "Europe/Atlantis" }, "Europe/Atlantis"},
		{"a zone may be a fixed offset", func(s *meta.Series) { s.Zone = "+05:30" }, ""},
		{"a zone may be a link", func(s *meta.Series) { s.Zone = "Asia/Calcutta" }, ""},
		{"a limit is a number", func(s *meta.Series) { s.Low = ptr(math.NaN()) }, "limit of NaN"},
		{"a limit is finite", func(s *meta.Series) { s.High = ptr(math.Inf(1)) }, "leave out the limit"},
		{"limits may be equal", func(s *meta.Series) { s.Low, s.High = ptr(1), ptr(1) }, ""},
		{"limits are in order", func(s *meta.Series) { s.Low, s.High = ptr(2), ptr(1) }, "low limit 2 is above the high limit 1: exchange them"},
		{"a codec may be named", func(s *meta.Series) { s.Codec = "decimal" }, ""},
		{"a codec is known", func(s *meta.Series) { s.Codec = "zip" }, `"zip"`},
		{"a unit is one line", func(s *meta.Series) { s.Unit = "m\t" }, "the unit"},
		{"a description may have many lines", func(s *meta.Series) { s.Description = "a\nb\tc" }, ""},
		{"a description has no null character", func(s *meta.Series) { s.Description = "a\x00b" }, "the description"},
		{"a description is UTF-8", func(s *meta.Series) { s.Description = "\xc3" }, "the description"},
		{"a description has an end", func(s *meta.Series) { s.Description = strings.Repeat("x", meta.MaxText+1) }, "shorten it to 65536"},
		{"labels are an object", func(s *meta.Series) { s.Labels = `{"a": {"b": [1]}}` }, ""},
		{"labels are no array", func(s *meta.Series) { s.Labels = `[1]` }, "no JSON object"},
		{"labels are not null", func(s *meta.Series) { s.Labels = `null` }, "no JSON object"},
		{"labels are one object", func(s *meta.Series) { s.Labels = `{} {}` }, "no JSON object"},
		{"labels are JSON", func(s *meta.Series) { s.Labels = `site=north` }, `{"site": "north"}, or {} for none`},
		{"labels are UTF-8", func(s *meta.Series) { s.Labels = "{\"a\": \"\xff\"}" }, "UTF-8"},
		{"labels have an end", func(s *meta.Series) { s.Labels = `{"a": "` + strings.Repeat("x", meta.MaxText) + `"}` }, "shorten them"},
		{"a double has no states", func(s *meta.Series) { s.States = []string{"a"} }, "type double has states"},
		{"a boolean has no states or two", func(s *meta.Series) { s.Type, s.States = columnar.Boolean, []string{"off", "on"} }, ""},
		{"a boolean has not one state", func(s *meta.Series) { s.Type, s.States = columnar.Boolean, []string{"on"} }, "name two"},
		{"an enum may get its states later", func(s *meta.Series) { s.Type = columnar.Enum }, ""},
		{"an enum has any number of states", func(s *meta.Series) { s.Type, s.States = columnar.Enum, []string{"a", "b", "A"} }, ""},
		{"states differ", func(s *meta.Series) { s.Type, s.States = columnar.Enum, []string{"a", "b", "a"} }, `states 0 and 2 are both named "a"`},
		{"a state has a name", func(s *meta.Series) { s.Type, s.States = columnar.Enum, []string{"a", ""} }, "state 1 has no name"},
		{"a retention is an age", func(s *meta.Series) { s.Retention = 1 }, ""},
		{"a retention is not negative", func(s *meta.Series) { s.Retention = -1 }, "retention of -1 µs is negative"},
		{"a state is one line", func(s *meta.Series) { s.Type, s.States = columnar.Enum, []string{"a\r"} }, "control character"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			err := s.Validate()
			if test.say == "" {
				if err != nil {
					t.Fatalf("it is valid, but: %v", err)
				}
				return
			}
			if !errors.Is(err, meta.ErrInvalid) || !strings.Contains(err.Error(), test.say) {
				t.Fatalf("the error is %v, want ErrInvalid saying %s", err, test.say)
			}
			if len(err.Error()) > 500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestDefaultsKeepWhatIsSet(t *testing.T) {
	s := valid()
	s.Grid.BlockLen, s.Zone, s.Codec, s.Labels = 17, "Asia/Tokyo", "raw", `{"a":1}`
	got := s.WithDefaults()
	if got.Grid.BlockLen != 17 || got.Zone != "Asia/Tokyo" || got.Codec != "raw" || got.Labels != `{"a":1}` {
		t.Errorf("defaults made %+v", got)
	}
	s = meta.Series{}
	if err := s.WithDefaults().Validate(); !errors.Is(err, meta.ErrInvalid) {
		t.Errorf("an empty series with defaults is valid: %v", err)
	}
}
