package columnar

import (
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trellisdb/trellis/columnar/kernel"
)

// drawRow draws a row of a stream of summaries with all groups of fields.
func drawRow(t *rapid.T) SummaryRow {
	b := drawMixedBlock(t, rapid.IntRange(1, 50).Draw(t, "len"), value())
	row := SummaryRow{
		Series:  rapid.Int32Min(0).Draw(t, "series"),
		Time:    rapid.SampledFrom([]int64{math.MinInt64, MinTime, -1, 0, MaxTime, math.MaxInt64}).Draw(t, "time"),
		Local:   rapid.Int64().Draw(t, "local"),
		Counts:  CountQualities(b, 0, b.Len),
		Summary: Summarize(b, 0, b.Len, AnyQuality, AllStats),
	}
	for range rapid.IntRange(0, 2).Draw(t, "far") {
		for _, x := range []float64{0x1p900, -0x1p300, 0x1p-300, 0x1p-900} { // more terms than fit in place
			row.Summary.Squares.Add(x)
		}
	}
	return row
}

// onlyGroups returns the row without the fields of groups that are not in stats.
func onlyGroups(row SummaryRow, stats Stats) SummaryRow {
	s := &row.Summary
	if !stats.Has(StatSum) {
		s.Sum = kernel.Exact{}
	}
	if !stats.Has(StatSquares) {
		s.Squares = kernel.Exact{}
	}
	if !stats.Has(StatRange) {
		s.Min, s.Max, s.MinSlot, s.MaxSlot = 0, 0, 0, 0
	}
	if !stats.Has(StatEnds) {
		s.First, s.Last, s.FirstSlot, s.LastSlot = 0, 0, 0, 0
	}
	if !stats.Has(StatPath) {
		s.Resets, s.Steps, s.Lines, s.Transitions = kernel.Exact{}, kernel.Exact{}, kernel.Exact{}, 0
	}
	return row
}

func TestSummaryRowsComeBackFromBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alloc := memory.NewCheckedAllocator(memory.NewGoAllocator())
		stats := Stats(rapid.IntRange(0, int(AllStats)).Draw(t, "stats"))
		builder := NewSummaryBuilder(alloc, stats)
		reader := NewSummaryReader(stats)
		for range 2 { // a builder and a reader serve many batches
			rows := rapid.SliceOfN(rapid.Custom(drawRow), 0, 4).Draw(t, "rows")
			for i := range rows {
				builder.Append(&rows[i])
			}
			if builder.Len() != len(rows) {
				t.Fatalf("builder has %d rows, want %d", builder.Len(), len(rows))
			}
			batch := builder.NewBatch()
			if !batch.Schema().Equal(SummarySchema(stats)) {
				t.Fatalf("schema is %s, want %s", batch.Schema(), SummarySchema(stats))
			}
			skip := int64(rapid.IntRange(0, len(rows)).Draw(t, "skip"))
			part := batch.NewSlice(skip, batch.NumRows())
			if err := reader.Reset(part); err != nil {
				t.Fatal(err)
			}
			if reader.Len() != len(rows)-int(skip) {
				t.Fatalf("reader has %d rows", reader.Len())
			}
			for i := range reader.Len() {
				var got SummaryRow
				reader.Row(i, &got)
				if diff := cmp.Diff(onlyGroups(rows[int(skip)+i], stats), got, equalSummaries); diff != "" {
					t.Fatalf("row %d with groups %b (-want +got):\n%s", i, stats, diff)
				}
			}
			part.Release()
			batch.Release()
		}
		builder.Release()
		if n := alloc.CurrentAlloc(); n != 0 {
			t.Fatalf("%d bytes were not released", n)
		}
	})
}

func TestSummaryReaderRefusesOtherSchemas(t *testing.T) {
	for _, stats := range []Stats{0, StatSum, AllStats &^ StatPath, AllStats} {
		builder := NewSummaryBuilder(memory.DefaultAllocator, stats)
		batch := builder.NewBatch()
		for _, other := range []Stats{StatSquares, StatRange, StatEnds | StatRange} {
			if err := NewSummaryReader(other).Reset(batch); err == nil || !strings.Contains(err.Error(), "batch of summaries") {
				t.Errorf("groups %b read as %b: error %v", stats, other, err)
			}
		}
		batch.Release()
		builder.Release()
	}
}

func TestAppendingRowsDoesNotAllocatePerRow(t *testing.T) {
	b := sensorBlock(100, 1)
	row := SummaryRow{Summary: Summarize(b, 0, b.Len, OnlyGood, AllStats)}
	builder := NewSummaryBuilder(memory.DefaultAllocator, AllStats)
	defer builder.Release()
	const rows = 1000
	n := testing.AllocsPerRun(5, func() {
		for range rows {
			builder.Append(&row)
		}
		builder.NewBatch().Release()
	})
	if n > rows { // the buffers grow a few times, whatever the number of rows
		t.Errorf("%d rows allocate %g times", rows, n)
	}
}

func TestSampleSchemaHasTheWantedColumnsInOrder(t *testing.T) {
	tests := []struct {
		name    string
		columns Columns
		want    string
	}{
		{name: "nothing wanted", want: "series:int32 time:timestamp[us, tz=UTC]"},
		{name: "value and quality", columns: ColStatus | ColValue, want: "series:int32 time:timestamp[us, tz=UTC] value:float64? status:uint32"},
		{
			name:    "everything",
			columns: ColEditID<<1 - 1,
			want: "series:int32 time:timestamp[us, tz=UTC] value:float64? raw_value:float64? int_value:int64? ordinal:int64?" +
				" text:utf8? status:uint32 edit:uint8 edit_id:int64?",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range SampleSchema(test.columns).Fields() {
				s := f.Name + ":" + f.Type.String()
				if f.Nullable {
					s += "?"
				}
				got = append(got, s)
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("schema is\n%s\nwant\n%s", s, test.want)
			}
		})
	}
}

func BenchmarkSummaryBatches(b *testing.B) {
	block := sensorBlock(3600, 1)
	row := SummaryRow{Summary: Summarize(block, 0, block.Len, OnlyGood, AllStats)}
	builder, reader := NewSummaryBuilder(memory.DefaultAllocator, AllStats), NewSummaryReader(AllStats)
	defer builder.Release()
	const rows = 1000
	for b.Loop() {
		for range rows {
			builder.Append(&row)
		}
		batch := builder.NewBatch()
		if err := reader.Reset(batch); err != nil {
			b.Fatal(err)
		}
		for i := range rows {
			reader.Row(i, &row)
		}
		batch.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
