package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/columnar"
)

func TestPrintShowsWhatAScanHasLearned(t *testing.T) {
	const day = 24 * 3600 * 1_000_000
	at := func(micros int64) Expr { return &Literal{Value: micros, T: Timestamptz} }
	scan := &Scan{
		Table: Samples, Alias: "s",
		Columns: []ScanColumn{{Name: "time", T: Timestamptz}, {Name: "value", T: Double}, {Name: "zone", T: Text, Series: true}},
		Samples: &SampleScan{
			SeriesWhere: NewCall(0, "=", col(0, "series", Text), &Literal{Value: "a", T: Text}),
			From:        []Expr{at(0)}, To: []Expr{at(day), &Param{N: 1, T: Timestamptz}},
			LocalWhere: []LocalCondition{{Where: NewCall(0, "=", NewCall(0, "date_part", &Literal{Value: "hour", T: Text}, col(0, "local_time", Timestamp)), &Literal{Value: 6.0, T: Double})}},
			Qualities:  columnar.Usable,
			AtLeast:    []Expr{&Literal{Value: 3.0, T: Double}},
			Summaries: &SummaryScan{Bins: []BinSpec{
				{Kind: ZoneBins, Width: Span{Months: 1}, Zone: &Literal{Value: "Europe/Berlin", T: Text}},
				{Kind: LocalBins, Width: Span{Days: 1}},
				{Kind: FixedBins, Width: Span{Micros: 900_000_000}},
			}},
		},
	}
	sum := &Aggregation{Func: MustAggregate("sum", Double), Args: []Expr{col(1, "value", Double)}}
	n := &AggregateNode{Input: scan, Aggs: []*Aggregation{sum}, Cols: []Field{{Name: "sum", Type: Double}}, Merge: true}
	var got strings.Builder
	Print(&got, n, PrintOptions{Columns: true, Note: func(n Node) []string {
		if n == Node(scan) {
			return []string{"3 blocks by summary"}
		}
		return nil
	}})
	const want = `Aggregate (merges summaries)
  Compute: sum(value)
  Output: sum double
  ->  Scan samples s (by summary)
        Columns: time, value, series.zone
        Series: series = 'a'
        Time: time >= '1970-01-01 00:00:00+00'::timestamptz AND time < '1970-01-02 00:00:00+00'::timestamptz AND time < $1
        Local time: date_part('hour', local_time) = 6.0
        Quality: good, uncertain
        Value: value >= 3.0
        Bins: 1 mon in 'Europe/Berlin', 1 day of local time in the series' zone, 00:15:00 from 1970-01-01 00:00:00+00
        Output: time timestamptz, value double, zone text
        3 blocks by summary
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("printed plan differs (-want +got):\n%s", diff)
	}
}

func TestFormatValue(t *testing.T) {
	santiago := mustZone(t, "America/Santiago")
	tests := []struct {
		value any
		t     Type
		want  string
	}{
		{int64(0), Timestamptz, "1969-12-31 21:00:00-03"},
		{int64(-62_135_596_800_000_000), Timestamp, "0001-01-01 00:00:00"},
		{int64(-1), Timestamp, "1969-12-31 23:59:59.999999"},
		{int64(Infinity), Timestamptz, "infinity"},
		{int64(-719_528), Date, "0001-01-01 BC"},
		{int64(3_723_000_001), Time, "01:02:03.000001"},
		{1e15, Double, "1e+15"},
		{0.0001, Double, "0.0001"},
		{0.00001, Double, "1e-05"},
		{Span{}, Interval, "00:00:00"},
		{Span{Months: -14, Days: 1}, Interval, "-1 years -2 mons +1 day"},
		{Span{Days: -1, Micros: -1}, Interval, "-1 days -00:00:00.000001"},
		{true, Boolean, "true"},
		{nil, Text, ""},
	}
	for _, tt := range tests {
		if got := FormatValue(tt.value, tt.t, santiago); got != tt.want {
			t.Errorf("%s %v prints as %q, want %q", tt.t, tt.value, got, tt.want)
		}
	}
}
