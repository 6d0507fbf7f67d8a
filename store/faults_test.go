package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/wal"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// ramp returns n samples of a series from slot from on, whose values are their
// slots.
func ramp(s columnar.Series, from, n int64) columnar.Samples {
	in := columnar.Samples{Series: s}
	for slot := from; slot < from+n; slot++ {
		in.Times = append(in.Times, s.Grid.Time(slot))
		in.Floats = append(in.Floats, float64(slot))
	}
	return in
}

func all(s ...columnar.Series) columnar.Selection {
	sel := columnar.Selection{Series: s, Qualities: columnar.AnyQuality}
	for range s {
		sel.Ranges = append(sel.Ranges, always)
	}
	return sel
}

func TestADamagedBlockIsNamedAndHarmsNoOtherSeries(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	g := columnar.Grid{Period: second, BlockLen: 64}
	a, b := d.create(t, "a", columnar.Double, g), d.create(t, "b", columnar.Double, g)
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []columnar.Series{a, b} {
		in := ramp(s, 0, 640)
		for i := range in.Floats {
			in.Floats[i] = r.Float64()
		}
		d.append(t, in)
	}
	d.flush(t)
	name := d.Segments()[0].Name
	if err := d.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The blocks of series a come first; byte 2000 lies in the middle of one.
	data := objecttest.Read(t, d.bucket, name)
	data[2000] ^= 4
	if _, err := d.bucket.Put(context.Background(), name, object.Always, objecttest.Bytes(data)); err != nil {
		t.Fatal(err)
	}
	d.open(t)
	_, err := collectSamples(d.Store, all(a))
	if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "block ") {
		t.Errorf("the error does not name segment and block: %v", err)
	}
	if got := readSamples(t, d.Store, all(b)); len(got) != 640 {
		t.Errorf("%d samples of the other series", len(got))
	}
	sel := all(a)
	sel.Bins, sel.Stats = []columnar.Bins{width(640 * second)}, columnar.StatSum
	if rows := readSummaries(t, d.Store, sel); len(rows) != 1 || rows[0].Summary.Count != 640 {
		t.Errorf("summaries do not need the block: %+v", rows)
	}
}

func TestWritingIntoADamagedBlockHoldsUpNoOtherAndLosesNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadAge = -1
	d.open(t)
	g := columnar.Grid{Period: second, BlockLen: 64}
	a, b := d.create(t, "a", columnar.Double, g), d.create(t, "b", columnar.Double, g)
	r := rand.New(rand.NewPCG(1, 1))
	in := ramp(a, 0, 64)
	for i := range in.Floats {
		in.Floats[i] = r.Float64()
	}
	d.append(t, in)
	d.flush(t)
	intact := objecttest.Read(t, d.bucket, d.Segments()[0].Name)
	put := func(name string, data []byte) {
		t.Helper()
		if _, err := d.bucket.Put(context.Background(), name, object.Always, objecttest.Bytes(data)); err != nil {
			t.Fatal(err)
		}
	}
	name := d.Segments()[0].Name
	damaged := append([]byte(nil), intact...)
	damaged[200] ^= 1
	ctx := context.Background()
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
	put(name, damaged)
	d.open(t)
	d.append(t, ramp(a, 10, 3))
	if err := d.Flush(ctx); !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), name) {
		t.Errorf("a flush of nothing else: %v", err)
	}
	for round := range int64(3) {
		late := ramp(a, 11, 1)
		late.Floats[0] = float64(-round)
		d.append(t, late, ramp(b, 100*round, 100))
		d.flush(t)
		if got := readSamples(t, d.Store, all(b)); int64(len(got)) != 100*(round+1) {
			t.Errorf("round %d: %d samples of the other series", round, len(got))
		}
		if _, err := collectSamples(d.Store, all(a)); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("round %d: the damaged series: %v", round, err)
		}
		if err := d.Close(ctx); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("close: %v", err)
		}
		d.open(t)
	}
	if err := d.Close(ctx); !errors.Is(err, columnar.ErrCorrupt) {
		t.Errorf("close: %v", err)
	}
	put(name, intact) // the operator brings the object back
	d.open(t)
	d.flush(t)
	copy(in.Floats[10:13], []float64{10, -2, 12})
	got := readSamples(t, d.Store, all(a))
	if len(got) != 64 {
		t.Fatalf("%d samples after the repair", len(got))
	}
	for i, row := range got {
		if row.value != in.Floats[i] {
			t.Errorf("sample %d is %v, want %v", i, row.value, in.Floats[i])
		}
	}
}

func TestAFullDiskRefusesSamplesAndKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	disk := waltest.NewDisk()
	var full atomic.Bool
	disk.Fail = func(op waltest.Op, _ string) error {
		if full.Load() && (op == waltest.OpWrite || op == waltest.OpCreate) {
			return &waltest.ShortWrite{Written: 7, Err: syscall.ENOSPC}
		}
		return nil
	}
	d.options.LogFS = disk
	d.bucket = &objecttest.Faulty{Bucket: d.bucket, Fail: func(op objecttest.Op, _ string) error {
		if full.Load() && op == objecttest.OpWrite {
			return syscall.ENOSPC
		}
		return nil
	}}
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	d.append(t, ramp(s, 0, 100))
	full.Store(true)
	ctx := context.Background()
	for range 3 {
		err := d.Append(ctx, []columnar.Samples{ramp(s, 100, 50)})
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("append: %v", err)
		}
	}
	if err := d.Flush(ctx); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("flush: %v", err)
	}
	if got := readSamples(t, d.Store, all(s)); len(got) != 100 {
		t.Errorf("%d samples are there", len(got))
	}
	full.Store(false)
	d.append(t, ramp(s, 100, 50))
	d.flush(t)
	d.reopen(t)
	if got := readSamples(t, d.Store, all(s)); len(got) != 150 {
		t.Errorf("%d samples are there when the disk has space again", len(got))
	}
}

func TestASecondStoreOnTheSameDirectoryIsRefusedAndDoesNotFenceTheFirst(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	_, err := store.Open(context.Background(), store.Options{Bucket: d.bucket, Catalog: d.catalog, LogDir: d.dir + "/log", Clock: clock})
	if !errors.Is(err, wal.ErrLocked) || !strings.Contains(err.Error(), d.dir) {
		t.Errorf("error %v", err)
	}
	d.append(t, ramp(s, 0, 10))
	d.flush(t)
}

func TestSamplesThatBreakTheContractAreRefused(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	one := func(change func(in *columnar.Samples)) columnar.Samples {
		in := ramp(s, 0, 3)
		change(&in)
		return in
	}
	for name, in := range map[string]columnar.Samples{
		"infinity":              one(func(in *columnar.Samples) { in.Floats[1] = math.Inf(1) }),
		"NaN":                   one(func(in *columnar.Samples) { in.Floats[1] = math.NaN() }),
		"too large":             one(func(in *columnar.Samples) { in.Floats[1] = 2 * columnar.MaxMagnitude }),
		"a good void":           one(func(in *columnar.Samples) { in.Void = columnar.Bitmap{2} }),
		"an instant too late":   one(func(in *columnar.Samples) { in.Times[2] = columnar.MaxTime }),
		"too few values":        one(func(in *columnar.Samples) { in.Floats = in.Floats[:2] }),
		"values of another":     one(func(in *columnar.Samples) { in.Floats, in.Ints = nil, []int64{1, 2, 3} }),
		"a series without id":   one(func(in *columnar.Samples) { in.Series.ID = 0 }),
		"a period of zero":      one(func(in *columnar.Samples) { in.Series.Grid.Period = 0 }),
		"statuses of too few":   one(func(in *columnar.Samples) { in.Status = make([]columnar.Status, 2) }),
		"a void bitmap missing": one(func(in *columnar.Samples) { in.Void = columnar.Bitmap{} }),
	} {
		if err := d.Append(context.Background(), []columnar.Samples{ramp(s, 100, 1), in}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if got := readSamples(t, d.Store, all(s)); len(got) != 0 {
		t.Errorf("%d samples of refused batches are there", len(got))
	}
	if err := d.Append(context.Background(), nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
}

func TestWritersWaitWhileTheHeadIsFull(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadBytes = 10_000
	gate := make(chan struct{})
	d.bucket = &objecttest.Faulty{Bucket: d.bucket, Fail: func(op objecttest.Op, key string) error {
		if op == objecttest.OpPut && strings.HasPrefix(key, "segments/") {
			<-gate
		}
		return nil
	}}
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 1000})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	var err error
	written := int64(0)
	for err == nil && written < 1_000_000 {
		if err = d.Append(ctx, []columnar.Samples{ramp(s, written, 100)}); err == nil {
			written += 100
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait to be flushed") {
		t.Errorf("after %d samples: %v", written, err)
	}
	if bytes := d.Stats().HeadBytes; bytes > 30_000 {
		t.Errorf("the head has %d bytes", bytes)
	}
	close(gate)
	d.append(t, ramp(s, written, 100)) // waits for the flush and goes on
	if got := readSamples(t, d.Store, all(s)); int64(len(got)) != written+100 {
		t.Errorf("%d samples, %d were written", len(got), written+100)
	}
}

func TestAnOldHeadIsFlushedInTheBackground(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	var now atomic.Int64
	d.options.Clock, d.options.HeadAge = now.Load, time.Minute
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 1000})
	d.append(t, ramp(s, 0, 10))
	now.Store(61 * second)
	for range 100 {
		if d.Stats().HeadSamples == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if st := d.Stats(); st.HeadSamples != 0 || st.Segments != 1 {
		t.Errorf("%+v", st)
	}
}

func TestASegmentThatIsHiddenIsRetired(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	for range 3 {
		d.append(t, ramp(s, 0, 1000))
		d.flush(t)
	}
	if n := len(d.Segments()); n != 1 {
		t.Errorf("%d segments are live", n)
	}
	d.append(t, ramp(s, 10, 10))
	d.flush(t)
	if n := len(d.Segments()); n != 2 {
		t.Errorf("%d segments are live", n)
	}
	samples, blocks := int64(0), 0
	err := d.Blocks(context.Background(), []columnar.Series{s}, func(b columnar.BlockInfo) bool {
		samples += b.Count.Total()
		blocks++
		return true
	})
	if err != nil || samples != 1000 || blocks != 16 {
		t.Errorf("%d samples in %d blocks, %v", samples, blocks, err)
	}
}

func TestAStreamThatIsClosedEarlyOrCancelledEnds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	d.append(t, ramp(s, 0, 200_000))
	d.flush(t)
	for range 5 {
		stream, err := d.Samples(context.Background(), all(s))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := stream.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		batch.Release()
		if err := errors.Join(stream.Close(), stream.Close()); err != nil {
			t.Error(err)
		}
		if _, err := stream.Next(context.Background()); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("next after close: %v", err)
		}
	}
	for _, early := range []bool{true, false} {
		ctx, cancel := context.WithCancel(context.Background())
		stream, err := d.Samples(ctx, all(s))
		if err != nil {
			t.Fatal(err)
		}
		next := context.Background()
		if early {
			cancel()
		} else {
			var stop context.CancelFunc
			next, stop = context.WithCancel(next)
			stop()
		}
		for err == nil {
			_, err = stream.Next(next)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled stream ends with %v", err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

func TestAStreamOutlivesFlushesRetirementAndTheStore(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	d.append(t, ramp(s, 0, 300_000))
	d.flush(t)
	d.append(t, ramp(s, 300_000, 100))
	stream, err := d.Samples(context.Background(), all(s))
	if err != nil {
		t.Fatal(err)
	}
	in := ramp(s, 0, 300_100)
	for i := range in.Floats {
		in.Floats[i] = -1
	}
	d.append(t, in)
	d.flush(t)
	if err := d.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for {
		batch, err := stream.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n += batch.NumRows()
		batch.Release()
	}
	if n != 300_100 {
		t.Errorf("%d samples", n)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	d.open(t)
	if got := readSamples(t, d.Store, all(s)); len(got) != 300_100 || got[0].value != -1.0 {
		t.Errorf("%d samples, the first %+v", len(got), got[0])
	}
}

// TestQueriesSeeWholeBatchesWhileManyWrite lets writers write the same value to a
// run of slots, batch by batch, while readers check that a run has one value: what
// a query sees is what some batches have left, never half of one.
func TestQueriesSeeWholeBatchesWhileManyWrite(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	const run = 150
	var series []columnar.Series
	for i := range 3 {
		series = append(series, d.create(t, fmt.Sprint(i), columnar.Double, columnar.Grid{Period: second, BlockLen: 64}))
	}
	deadline := time.Now().Add(2 * time.Second)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 0))
			for time.Now().Before(deadline) {
				value := r.Float64()
				var batch []columnar.Samples
				for _, s := range series {
					in := ramp(s, 20, run)
					for i := range in.Floats {
						in.Floats[i] = value
					}
					batch = append(batch, in)
				}
				if err := d.Append(context.Background(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		wg.Go(func() {
			for time.Now().Before(deadline) {
				sel := all(series...)
				sel.Stats = columnar.StatRange
				for range series {
					sel.Bins = append(sel.Bins, width(1000*second))
				}
				rows := readSummaries(t, d.Store, sel)
				for _, row := range rows {
					if row.Summary.Count != run || row.Summary.Min != row.Summary.Max || row.Summary.Min != rows[0].Summary.Min {
						t.Errorf("a query sees half a batch: %+v", row)
					}
				}
				values := make(map[any]int)
				for _, row := range readSamples(t, d.Store, all(series...)) {
					values[row.value]++
				}
				if len(values) > 1 {
					t.Errorf("a query sees half a batch: %v", values)
				}
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(deadline) {
			if err := d.Flush(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if n := d.Stats().Snapshot; n == 0 {
		t.Error("nothing was flushed")
	}
}

func TestBoundsAndQualitiesSkipBlocks(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 100})
	d.append(t, ramp(s, 0, 10_000))
	for _, where := range []string{"head", "segments"} {
		sel := all(s)
		sel.Bounds, sel.Counters = &columnar.Bounds{Min: 250, Max: 310}, new(columnar.Counters)
		if got := readSamples(t, d.Store, sel); len(got) != 200 || got[0].value != 200.0 || sel.Counters.Skipped.Load() != 98 {
			t.Errorf("%s: %d samples, %d blocks were skipped", where, len(got), sel.Counters.Skipped.Load())
		}
		sel.Bounds, sel.Qualities, sel.Counters = nil, columnar.OnlyBad, new(columnar.Counters)
		if got := readSamples(t, d.Store, sel); len(got) != 0 || sel.Counters.Skipped.Load() != 100 || sel.Counters.Decoded.Load() != 0 {
			t.Errorf("%s: %d bad samples, %d blocks were skipped", where, len(got), sel.Counters.Skipped.Load())
		}
		d.flush(t)
	}
}

func TestALogWithSamplesOfAnUnknownSeriesIsAnError(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadAge = -1
	id, err := d.catalog.NewLog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(wal.Options{Dir: d.dir + "/log", ID: id})
	if err == nil {
		err = wal.WriteID(wal.OS{}, d.dir+"/log", id)
	}
	if err != nil {
		t.Fatal(err)
	}
	record := wal.AppendEntry(wal.AppendRecord(nil), &wal.Entry{Series: 77, Slots: []int64{1}, Floats: []float64{1}})
	if err := errors.Join(log.Append(record, nil), log.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(context.Background(), store.Options{Bucket: d.bucket, Catalog: d.catalog, LogDir: d.dir + "/log", Clock: clock})
	if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), "series 77") {
		t.Errorf("error %v", err)
	}
	if errors.Is(err, meta.ErrConflict) {
		t.Error("it is taken for a conflict")
	}
}

func TestCloseLosesNothingThatIsAcknowledgedMeanwhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := int64(0); ; i++ {
				if d.Append(context.Background(), []columnar.Samples{ramp(s, (int64(w)<<30)+i, 1)}) != nil {
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	if err := d.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	d.open(t)
	if st := d.Stats(); st.HeadSamples != 0 {
		t.Errorf("%d samples had to be recovered from the log", st.HeadSamples)
	}
	if got := readSamples(t, d.Store, all(s)); int64(len(got)) != acknowledged.Load() || len(got) == 0 {
		t.Errorf("%d samples, %d were acknowledged", len(got), acknowledged.Load())
	}
	if err := d.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := d.Append(context.Background(), []columnar.Samples{ramp(s, 0, 1)}); err == nil {
		t.Error("a closed store took samples")
	}
	if _, err := collectSamples(d.Store, all(s)); err == nil {
		t.Error("a closed store was read")
	}
}
