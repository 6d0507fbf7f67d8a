package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/trellisdb/trellis/columnar"
)

// model is the slow reference of a store: a map.
type model struct {
	series []columnar.Series
	slots  []map[int64]modelSample // by series
}

// modelSample is a sample in the model. A value is float64, int64, string or nil.
type modelSample struct {
	value  any
	status columnar.Status
}

// modelSeries are the shapes of series that the model tests use. The block
// lengths are on both sides of the one from which on whole blocks are encoded at
// once.
var modelSeries = []columnar.Series{
	{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: 40}},
	{Type: columnar.Integer, Grid: columnar.Grid{Period: 7, BlockLen: 64}},
	{Type: columnar.Text, Grid: columnar.Grid{Period: 60 * second, BlockLen: 8}},
	{Type: columnar.Boolean, Grid: columnar.Grid{Period: second, BlockLen: 33}},
	{Type: columnar.Double, Grid: columnar.Grid{Period: 250_000, BlockLen: 1}},
}

var statuses = []columnar.Status{
	columnar.StatusGood, columnar.StatusGood, columnar.StatusUncertain, columnar.StatusBad, 0x0096_0000, columnar.StatusBadNoData,
}

func newModel(t testing.TB, d *database) *model {
	m := &model{}
	for i, s := range modelSeries {
		m.series = append(m.series, d.create(t, fmt.Sprintf("series/%d", i), s.Type, s.Grid))
		m.slots = append(m.slots, make(map[int64]modelSample))
	}
	return m
}

// batch returns random samples, of one series or of several, and puts them into
// the model.
func (m *model) batch(r *rand.Rand) []columnar.Samples {
	var batch []columnar.Samples
	for range 1 + r.IntN(3) {
		i := r.IntN(len(m.series))
		batch = append(batch, m.samples(r, i))
	}
	return batch
}

func (m *model) samples(r *rand.Rand, i int) columnar.Samples {
	s := m.series[i]
	n := 1 + r.IntN(4)
	if r.IntN(2) == 0 {
		n = 1 + r.IntN(200)
	}
	in := columnar.Samples{Series: s}
	withStatus, gaps := r.IntN(2) == 0, r.IntN(2) == 0
	if withStatus {
		in.Status = make([]columnar.Status, n)
		in.Void = columnar.NewBitmap(n)
	}
	slot := int64(r.IntN(600) - 300)
	for k := range n {
		in.Times = append(in.Times, slot*s.Grid.Period+r.Int64N(s.Grid.Period))
		sample := modelSample{}
		if withStatus {
			sample.status = statuses[r.IntN(len(statuses))]
			in.Status[k] = sample.status
		}
		void := sample.status.Quality() == columnar.Bad && r.IntN(2) == 0
		switch s.Type.Kind() {
		case columnar.Floats:
			v := modelFloat(r)
			in.Floats, sample.value = append(in.Floats, v), v
		case columnar.Ints:
			v := int64(r.IntN(2))
			if s.Type == columnar.Integer {
				v = r.Int64N(2000) - 1000
			}
			in.Ints, sample.value = append(in.Ints, v), v
		default:
			v := strconv.Itoa(r.IntN(5))
			in.Texts, sample.value = append(in.Texts, v), v
		}
		if void {
			in.Void.Set(k)
			sample.value = nil
			if s.Type.Kind() == columnar.Floats {
				in.Floats[k] = math.NaN()
			}
		}
		m.slots[i][slot] = sample
		if slot++; gaps && r.IntN(8) == 0 {
			slot += int64(r.IntN(30) - 10)
		}
	}
	return in
}

func modelFloat(r *rand.Rand) float64 {
	switch r.IntN(8) {
	case 0:
		return math.Ldexp(r.Float64(), r.IntN(200)-100)
	case 1:
		return -float64(r.IntN(100))
	default:
		return float64(r.IntN(1000)) / 100
	}
}

// selection returns a random selection.
func (m *model) selection(r *rand.Rand) columnar.Selection {
	sel := columnar.Selection{
		Qualities: columnar.QualitySet(1 + r.IntN(7)),
		Stats:     columnar.Stats(r.IntN(int(columnar.AllStats) + 1)),
		Decode:    r.IntN(2) == 0,
		Counters:  new(columnar.Counters),
	}
	for _, i := range r.Perm(len(m.series))[:1+r.IntN(len(m.series))] {
		s := m.series[i]
		ranges := always
		if r.IntN(4) > 0 {
			ranges = nil
			at := s.Grid.Period * int64(r.IntN(400)-400)
			for range r.IntN(4) {
				from := at + r.Int64N(100*s.Grid.Period)
				at = from + r.Int64N(300*s.Grid.Period)
				ranges = append(ranges, columnar.Range{From: from, To: at})
			}
		}
		sel.Series = append(sel.Series, s)
		sel.Ranges = append(sel.Ranges, ranges)
		sel.Bins = append(sel.Bins, width(1+r.Int64N(s.Grid.Period*int64(1+r.IntN(500)))))
	}
	return sel
}

// blocks returns the blocks of a series by number.
func (m *model) blocks(s columnar.Series, slots map[int64]modelSample) map[int64]*columnar.Block {
	blocks := make(map[int64]*columnar.Block)
	n := int(s.Grid.BlockLen)
	for slot, sample := range slots {
		number := s.Grid.Block(slot)
		b := blocks[number]
		if b == nil {
			b = &columnar.Block{
				First: s.Grid.BlockSlot(number), Len: n, Kind: s.Type.Kind(),
				Present: columnar.NewBitmap(n), Void: columnar.NewBitmap(n), Status: make([]columnar.Status, n),
				Floats: make([]float64, n), Ints: make([]int64, n), Texts: make([]string, n),
			}
			blocks[number] = b
		}
		i := int(slot - b.First)
		b.Present.Set(i)
		b.Status[i] = sample.status
		switch v := sample.value.(type) {
		case float64:
			b.Floats[i] = v
		case int64:
			b.Ints[i] = v
		case string:
			b.Texts[i] = v
		default:
			b.Void.Set(i)
		}
	}
	return blocks
}

func (m *model) of(s columnar.Series) map[int64]modelSample {
	return m.slots[slices.Index(m.series, s)]
}

// within returns the slots of a series in its ranges, in order.
func (m *model) within(s columnar.Series, ranges []columnar.Range) (slots []int64) {
	for slot := range m.of(s) {
		t := s.Grid.Time(slot)
		if slices.ContainsFunc(ranges, func(r columnar.Range) bool { return t >= r.From && t < r.To }) {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	return slots
}

// wantSamples returns what a scan of samples should give.
func (m *model) wantSamples(sel columnar.Selection) (rows []sample) {
	for i, s := range sel.Series {
		for _, slot := range m.within(s, sel.Ranges[i]) {
			in := m.of(s)[slot]
			if !sel.Qualities.Has(in.status.Quality()) {
				continue
			}
			row := sample{series: int32(i), time: s.Grid.Time(slot), status: in.status}
			if in.status.Quality() != columnar.Bad {
				row.visible = in.value
			}
			switch v := in.value.(type) {
			case float64:
				row.value = v
			case int64:
				row.value = float64(v)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// wantSummaries returns what a scan of summaries should give, slot by slot.
func (m *model) wantSummaries(sel columnar.Selection) (rows []columnar.SummaryRow) {
	for i, s := range sel.Series {
		blocks := m.blocks(s, m.of(s))
		row := columnar.SummaryRow{}
		for _, slot := range m.within(s, sel.Ranges[i]) {
			bin := sel.Bins[i].Bin(s.Grid.Time(slot))
			if row.Counts.Total() == 0 || row.Time != bin.From {
				if row.Counts.Total() > 0 {
					rows = append(rows, row)
				}
				row = columnar.SummaryRow{Series: int32(i), Time: bin.From, Local: bin.Local}
			}
			b := blocks[s.Grid.Block(slot)]
			k := int(slot - b.First)
			row.Counts.Add(columnar.CountQualities(b, k, k+1))
			one := columnar.Summarize(b, k, k+1, sel.Qualities, sel.Stats)
			row.Summary.Merge(&one, sel.Stats)
		}
		if row.Counts.Total() > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

// textOf returns a row as text with the groups of fields in stats, bit by bit.
func textOf(r *columnar.SummaryRow, stats columnar.Stats, isText bool) string {
	s := &r.Summary
	text := fmt.Sprint(r.Series, r.Time, r.Local, r.Counts, s.Count, s.Values)
	if s.Values == 0 {
		return text
	}
	if stats.Has(columnar.StatEnds) {
		text += fmt.Sprint(" ends ", s.FirstSlot, s.LastSlot)
	}
	if isText {
		return text
	}
	if stats.Has(columnar.StatSum) {
		text += fmt.Sprint(" sum ", s.Sum.AppendTerms(nil))
	}
	if stats.Has(columnar.StatSquares) {
		text += fmt.Sprint(" squares ", s.Squares.AppendTerms(nil))
	}
	if stats.Has(columnar.StatRange) {
		text += fmt.Sprint(" range ", s.Min, s.Max, s.MinSlot, s.MaxSlot)
	}
	if stats.Has(columnar.StatEnds) {
		text += fmt.Sprint(" values ", s.First, s.Last)
	}
	if stats.Has(columnar.StatPath) {
		text += fmt.Sprint(" path ", s.Resets.AppendTerms(nil), s.Steps.AppendTerms(nil), s.Lines.AppendTerms(nil), s.Transitions)
	}
	return text
}

// compare compares the store's answers to a random selection with the model's.
func (m *model) compare(t testing.TB, d *database, r *rand.Rand) {
	t.Helper()
	sel := m.selection(r)
	got, want := readSamples(t, d.Store, sel), m.wantSamples(sel)
	for i := range got {
		if sel.Series[got[i].series].Type == columnar.Text {
			got[i].value = nil
		}
	}
	if !slices.Equal(got, want) {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("row %d of samples: %+v, want %+v", i, got[i], want[i])
			}
		}
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	rows, wantRows := readSummaries(t, d.Store, sel), m.wantSummaries(sel)
	for i := range min(len(rows), len(wantRows)) {
		isText := sel.Series[rows[i].Series].Type == columnar.Text
		if g, w := textOf(&rows[i], sel.Stats, isText), textOf(&wantRows[i], sel.Stats, isText); g != w {
			t.Fatalf("row %d of summaries (decode %v, qualities %b):\n%s, want\n%s", i, sel.Decode, sel.Qualities, g, w)
		}
	}
	if len(rows) != len(wantRows) {
		t.Fatalf("%d summaries, want %d", len(rows), len(wantRows))
	}
	if n := sel.Counters.Summarized.Load(); sel.Decode && n != 0 {
		t.Fatalf("%d blocks were answered from summaries", n)
	}
}

// compareBlocks compares the list of blocks with the model.
func (m *model) compareBlocks(t testing.TB, d *database) {
	t.Helper()
	for _, s := range m.series {
		want := m.blocks(s, m.of(s))
		err := d.Blocks(context.Background(), []columnar.Series{s}, func(got columnar.BlockInfo) bool {
			b := want[got.Block]
			if b == nil {
				t.Fatalf("series %d: block %d is not there, or there twice", s.ID, got.Block)
			}
			delete(want, got.Block)
			sum := columnar.Summarize(b, 0, b.Len, columnar.Usable, columnar.StatRange)
			usable := sum.Values > 0
			if got.Count != columnar.CountQualities(b, 0, b.Len) || got.Usable != usable || usable && (got.Min != sum.Min || got.Max != sum.Max) {
				t.Fatalf("series %d: %+v, want %+v", s.ID, got, sum)
			}
			if (got.Segment == "") != (got.Bytes == 0) {
				t.Fatalf("series %d: block %d has %d bytes in segment %q", s.ID, got.Block, got.Bytes, got.Segment)
			}
			return true
		})
		if err != nil || len(want) > 0 {
			t.Fatalf("series %d: %d blocks are missing, error %v", s.ID, len(want), err)
		}
	}
}

// seed returns the seed of a random test: TRELLIS_SEED, or a new one.
func seed(t testing.TB) uint64 {
	t.Helper()
	n := rand.Uint64()
	if s := os.Getenv("TRELLIS_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TRELLIS_SEED=%d repeats this run", n)
	return n
}

func TestAStoreAnswersAsAMapDoesWhateverIsWrittenFlushedAndReopened(t *testing.T) {
	t.Parallel()
	for run := range 5 {
		t.Run(strconv.Itoa(run), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed(t), uint64(run)))
			d := newDatabase(t)
			d.options.Workers = 1 + r.IntN(4)
			d.options.CacheBytes = int64(1 + r.IntN(1<<16))
			d.open(t)
			m := newModel(t, d)
			for range 110 {
				switch n := r.IntN(20); {
				case n < 11:
					d.append(t, m.batch(r)...)
				case n < 13:
					d.flush(t)
				case n < 14:
					d.reopen(t)
				case n < 15:
					m.compareBlocks(t, d)
				default:
					m.compare(t, d, r)
				}
			}
			m.compare(t, d, r)
		})
	}
}

func TestASnapshotIsReadAsItWasWhateverIsWrittenLater(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(seed(t), 0))
	d := newDatabase(t)
	d.open(t)
	m := newModel(t, d)
	var want [][]sample
	sel := columnar.Selection{Series: m.series, Qualities: columnar.AnyQuality}
	for range m.series {
		sel.Ranges = append(sel.Ranges, always)
	}
	for range 10 {
		d.append(t, m.batch(r)...)
		d.flush(t)
		want = append(want, readSamples(t, d.Store, sel))
	}
	d.append(t, m.batch(r)...)
	snapshots, err := d.catalog.Snapshots(context.Background())
	if err != nil || len(snapshots) != len(want) {
		t.Fatalf("%d snapshots, %v; want %d", len(snapshots), err, len(want))
	}
	for i, s := range snapshots {
		sel.Snapshot = s.ID
		if got := readSamples(t, d.Store, sel); !slices.Equal(got, want[i]) {
			t.Errorf("snapshot %d: %d samples, want %d", s.ID, len(got), len(want[i]))
		}
	}
	sel.Snapshot = 1000
	if _, err := collectSamples(d.Store, sel); err == nil {
		t.Error("a snapshot that is not there was read")
	}
}
