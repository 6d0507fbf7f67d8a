package exec_test

import (
	"context"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// source is a store in memory without any cleverness: it walks blocks slot by slot.
type source struct {
	alloc     memory.Allocator
	batchRows int
	blocks    map[int64][]*columnar.Block // by series id, in order
	summaries atomic.Int64                // calls of Summaries that ask for more than counts
	fail      error                       // of every Next, where set
	panicking bool                        // of Next of samples
}

// stream is a stream of batches that exist.
type stream struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
	source  *source
	panics  bool
}

func (s *stream) Schema() *arrow.Schema { return s.schema }

func (s *stream) Next(ctx context.Context) (arrow.RecordBatch, error) {
	if s.panics {
		panic("a bug")
	}
	if s.source.fail != nil {
		return nil, s.source.fail
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(s.batches) == 0 {
		return nil, io.EOF
	}
	b := s.batches[0]
	s.batches = s.batches[1:]
	return b, nil
}

func (s *stream) Close() error {
	for _, b := range s.batches {
		b.Release()
	}
	s.batches = nil
	return nil
}

// slots calls f for the slots of a series that its ranges hold.
func (s *source) slots(sel *columnar.Selection, i int, f func(b *columnar.Block, at int)) {
	g := sel.Series[i].Grid
	for _, r := range sel.Ranges[i] {
		from, to := g.SlotAtOrAfter(r.From), g.SlotAtOrAfter(r.To)
		for _, b := range s.blocks[sel.Series[i].ID] {
			for at := max(from, b.First); at < min(to, b.First+int64(b.Len)); at++ {
				f(b, int(at-b.First))
			}
		}
	}
}

func (s *source) Samples(_ context.Context, sel columnar.Selection) (columnar.Stream, error) {
	schema := columnar.SampleSchema(sel.Columns)
	out := &stream{schema: schema, source: s, panics: s.panicking}
	rows := array.NewRecordBuilder(s.alloc, schema)
	defer rows.Release()
	n := 0
	flush := func() {
		if n > 0 {
			out.batches = append(out.batches, rows.NewRecordBatch())
			n = 0
		}
	}
	for i := range sel.Series {
		s.slots(&sel, i, func(b *columnar.Block, at int) {
			if !b.Has(at) || !sel.Qualities.Has(b.StatusAt(at).Quality()) {
				return
			}
			appendSample(rows, sel.Series[i], int32(i), b, at)
			if n++; n == s.batchRows {
				flush()
			}
		})
	}
	flush()
	return out, nil
}

// appendSample appends the sample of a slot as columnar.SampleSchema describes it.
func appendSample(rows *array.RecordBuilder, series columnar.Series, index int32, b *columnar.Block, at int) {
	usable := b.StatusAt(at).Quality() != columnar.Bad
	number := func() float64 {
		if b.Kind == columnar.Ints {
			return float64(b.Ints[at])
		}
		return b.Floats[at]
	}
	for k, f := range rows.Schema().Fields() {
		ok := true
		switch to := rows.Field(k).(type) {
		case *array.Int32Builder:
			to.Append(index)
		case *array.TimestampBuilder:
			to.Append(arrow.Timestamp(series.Grid.Time(b.First + int64(at))))
		case *array.Uint32Builder:
			to.Append(uint32(b.StatusAt(at)))
		case *array.Uint8Builder:
			to.Append(uint8(columnar.Unedited))
		case *array.Float64Builder:
			ok = b.Kind != columnar.Texts && b.HasValue(at) && (usable || f.Name == "raw_value")
			if ok {
				to.Append(number())
			}
		case *array.Int64Builder:
			integer := series.Type == columnar.Integer
			ok = usable && b.Kind == columnar.Ints && (f.Name == "int_value" && integer || f.Name == "ordinal" && !integer)
			if ok {
				to.Append(b.Ints[at])
			}
		case *array.StringBuilder:
			ok = usable && b.Kind == columnar.Texts
			if ok {
				to.Append(b.Texts[at])
			}
		}
		if !ok {
			rows.Field(k).AppendNull()
		}
	}
}

func (s *source) Summaries(_ context.Context, sel columnar.Selection) (columnar.Stream, error) {
	if sel.Stats != 0 {
		s.summaries.Add(1)
	}
	rows := columnar.NewSummaryBuilder(s.alloc, sel.Stats)
	defer rows.Release()
	for i, series := range sel.Series {
		g := series.Grid
		for _, r := range sel.Ranges[i] {
			for _, b := range s.blocks[series.ID] {
				from, to := max(g.SlotAtOrAfter(r.From), b.First), min(g.SlotAtOrAfter(r.To), b.First+int64(b.Len))
				for from < to {
					bin := sel.Bins[i].Bin(g.Time(from))
					end := min(to, g.SlotAtOrAfter(min(bin.To, columnar.MaxTime)))
					first, last := int(from-b.First), int(end-b.First)
					row := columnar.SummaryRow{Series: int32(i), Time: bin.From, Local: bin.Local, Counts: columnar.CountQualities(b, first, last)}
					row.Summary, row.Covered = g.Summarize(b, first, last, sel.Qualities, sel.Stats), g.Covered(b, first, last)
					if row.Counts.Total() > 0 {
						rows.Append(&row)
					}
					from = end
				}
			}
		}
	}
	return &stream{schema: rows.Schema(), batches: []arrow.RecordBatch{rows.NewBatch()}, source: s}, nil
}

// testSeries describes a series of random samples.
type testSeries struct {
	name     string
	kind     columnar.Type
	period   int64
	blockLen int64
	zone     string
	step     bool
	labels   string
	states   []string
	from     int64 // instant of the first block, about
	blocks   int
}

const (
	second = int64(1_000_000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// fall2023 is 2023-10-20T00:00:00Z: clocks in Berlin are set back nine days later.
const fall2023 = 1_697_760_000 * second

// plant are the series of the tests: several types, zones, periods and kinds of
// gaps.
var plant = []testSeries{
	{name: "a/temp", kind: columnar.Double, period: 10 * minute, blockLen: 144, zone: "Europe/Berlin", labels: `{"site": "a", "kind": "temperature"}`, from: fall2023, blocks: 20},
	{name: "b/counter", kind: columnar.Integer, period: 7 * minute, blockLen: 100, zone: "America/Santiago", step: true, labels: `{"site": "b"}`, from: fall2023 - 3*day, blocks: 30},
	{name: "c/door", kind: columnar.Boolean, period: 15 * minute, blockLen: 96, zone: "Asia/Kolkata", step: true, labels: `{"site": "a"}`, from: fall2023 + day, blocks: 9},
	{name: "d/mode", kind: columnar.Enum, period: hour, blockLen: 24, zone: "Europe/Berlin", step: true, states: []string{"off", "on", "fault"}, labels: `{}`, from: fall2023, blocks: 20},
	{name: "e/note", kind: columnar.Text, period: hour, blockLen: 48, zone: "UTC", labels: `{"site": "b"}`, from: fall2023, blocks: 5},
	{name: "f/fine", kind: columnar.Double, period: 90 * second, blockLen: 64, zone: "Europe/Berlin", labels: `{"site": "b", "kind": "temperature"}`, from: fall2023 + 5*day, blocks: 150},
}

// newPlant returns the series of the tests with random samples.
func newPlant(t testing.TB) (*source, *exec.SeriesTable) {
	t.Helper()
	return newPlantOf(t, plant)
}

// newPlantOf returns series with random samples.
func newPlantOf(t testing.TB, plant []testSeries) (*source, *exec.SeriesTable) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	s := &source{alloc: memory.DefaultAllocator, batchRows: 777, blocks: map[int64][]*columnar.Block{}}
	table := &exec.SeriesTable{}
	rows := array.NewRecordBuilder(memory.DefaultAllocator, eval.Schema(plan.Series.Cols))
	defer rows.Release()
	for i, d := range plant {
		series := columnar.Series{ID: int64(i + 10), Type: d.kind, Grid: columnar.Grid{Period: d.period, BlockLen: d.blockLen}}
		interpolation := "linear"
		if d.step {
			series.Interpolation, interpolation = columnar.Step, "step"
		}
		z, err := zone.Load(d.zone)
		if err != nil {
			t.Fatal(err)
		}
		table.Series, table.Zones, table.States = append(table.Series, series), append(table.Zones, z), append(table.States, d.states)
		for k, c := range plan.Series.Cols {
			switch to := rows.Field(k).(type) {
			case *array.StringBuilder:
				text := map[string]string{"series": d.name, "type": d.kind.String(), "zone": d.zone, "interpolation": interpolation, "labels": d.labels}[c.Name]
				if text == "" {
					to.AppendNull()
				} else {
					to.Append(text)
				}
			case *array.MonthDayNanoIntervalBuilder:
				to.Append(arrow.MonthDayNanoInterval{Nanoseconds: d.period * 1000})
			case *array.Int64Builder:
				to.Append(series.ID)
			default:
				to.AppendNull()
			}
		}
		first := series.Grid.Block(series.Grid.Slot(d.from))
		for b := range int64(d.blocks) {
			if rnd.IntN(10) > 0 {
				s.blocks[series.ID] = append(s.blocks[series.ID], randomBlock(rnd, series, first+b, len(d.states)))
			}
		}
	}
	table.Batch = rows.NewRecordBatch()
	table.Find = func(name string) (int, bool) {
		for i, d := range plant {
			if d.name == name {
				return i, true
			}
		}
		return 0, false
	}
	return s, table
}

// randomBlock returns a block with gaps, bad and uncertain samples, and samples
// without a value.
func randomBlock(rnd *rand.Rand, s columnar.Series, number int64, states int) *columnar.Block {
	n := int(s.Grid.BlockLen)
	b := &columnar.Block{First: s.Grid.BlockSlot(number), Len: n, Kind: s.Type.Kind(), Present: columnar.NewBitmap(n), Void: columnar.NewBitmap(n)}
	b.Status = make([]columnar.Status, n)
	switch b.Kind {
	case columnar.Floats:
		b.Floats = make([]float64, n)
	case columnar.Ints:
		b.Ints = make([]int64, n)
	case columnar.Texts:
		b.Texts = make([]string, n)
	}
	dense := rnd.IntN(3) == 0
	for i := range n {
		if !dense && rnd.IntN(6) == 0 {
			continue
		}
		b.Present.Set(i)
		switch q := rnd.IntN(12); {
		case dense || q > 1:
		case q == 0:
			b.Status[i] = columnar.StatusBad
			if rnd.IntN(2) == 0 {
				b.Void.Set(i)
				continue
			}
		default:
			b.Status[i] = columnar.StatusUncertain
		}
		switch s.Type {
		case columnar.Double:
			b.Floats[i] = rnd.NormFloat64() * 100
			if rnd.IntN(4) == 0 {
				b.Floats[i] = float64(rnd.IntN(7)) / 10
			}
		case columnar.Integer:
			b.Ints[i] = int64(i) * int64(rnd.IntN(5))
		case columnar.Boolean:
			b.Ints[i] = int64(rnd.IntN(2))
		case columnar.Enum:
			b.Ints[i] = int64(rnd.IntN(states))
		case columnar.Text:
			b.Texts[i] = string(rune('a' + rnd.IntN(3)))
		}
	}
	return b
}
