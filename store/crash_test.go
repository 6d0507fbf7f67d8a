package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// errPower is what every step answers after a power cut.
var errPower = errors.New("power cut")

// power is a supply that fails after a number of steps of log, bucket or catalog.
type power struct {
	mu    sync.Mutex
	steps int      // that are left
	taken []string // names of the steps taken
}

// step takes a step.
func (p *power) step(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps == 0 {
		return errPower
	}
	p.steps--
	p.taken = append(p.taken, name)
	return nil
}

// cut reports whether the power has failed.
func (p *power) cut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.steps == 0
}

// clone returns a copy of the model.
func (m *model) clone() *model {
	c := &model{series: m.series}
	for _, s := range m.slots {
		c.slots = append(c.slots, maps.Clone(s))
	}
	return c
}

// everything selects all samples of the model's series.
func (m *model) everything() columnar.Selection {
	sel := columnar.Selection{Series: m.series, Qualities: columnar.AnyQuality}
	for range m.series {
		sel.Ranges = append(sel.Ranges, always)
	}
	return sel
}

// holds reports whether the store has just what the model has.
func (m *model) holds(t testing.TB, d *database) bool {
	t.Helper()
	got := readSamples(t, d.Store, m.everything())
	for i := range got {
		if m.series[got[i].series].Type == columnar.Text {
			got[i].value = nil
		}
	}
	return slices.Equal(got, m.wantSamples(m.everything()))
}

// crash runs a random scenario until the power fails after a number of steps, and
// checks that a restart finds everything that was acknowledged. It reports whether
// the power did fail.
func crash(t *testing.T, steps int, r *rand.Rand) bool {
	d := newDatabase(t)
	d.options.HeadAge, d.options.Workers = -1, 1
	supply := &power{steps: 1 << 30}
	disk, bucket, catalog := waltest.NewDisk(), new(object.Memory), d.catalog
	disk.Fail = func(op waltest.Op, _ string) error { return supply.step(string(op)) }
	d.options.LogFS = disk
	d.bucket = &objecttest.Faulty{Bucket: bucket, Fail: func(op objecttest.Op, _ string) error { return supply.step(string(op)) }}
	d.catalog = &faultyCatalog{d.catalog, supply.step}
	d.open(t)
	m := newModel(t, d)
	maybe := m // with the batch whose fate is not known
	supply.mu.Lock()
	supply.steps = steps
	supply.mu.Unlock()
	ctx := context.Background()
	for i := range 24 {
		if supply.cut() {
			break
		}
		if i%6 == 5 {
			_ = d.Flush(ctx) // without power it does not succeed
			continue
		}
		maybe = m.clone()
		if err := d.Append(ctx, maybe.batch(r)); err == nil {
			m = maybe
		}
	}
	failed := supply.cut()
	last := supply.taken[len(supply.taken)-1]
	waiting := d.Stats().HeadSamples
	if err := d.Close(ctx); err == nil && failed && waiting > 0 {
		t.Errorf("closed without power after %s", last)
	}
	d.options.LogFS, d.bucket, d.catalog = disk.PowerCut(r), bucket, catalog
	for _, again := range []string{"after the crash", "after a flush and a restart"} {
		d.open(t)
		if !m.holds(t, d) && !maybe.holds(t, d) {
			t.Errorf("power cut after %d steps, the last one %s: %s the store has not what it acknowledged", steps, last, again)
		}
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	d.Store = nil
	return failed
}

func TestAPowerCutAtAnyStepLosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(seed(t), 0))
	const stride = 4 // a run takes one step in four
	for steps := 1 + r.IntN(stride); ; steps += stride {
		if failed := crash(t, steps, r); !failed {
			if steps < 50 {
				t.Errorf("the scenario has only %d steps", steps)
			}
			return
		}
		if t.Failed() {
			return
		}
	}
}

func TestAFaultOfAnyStepOfAFlushIsSurvivedInPlace(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"put", "write", "put done", "commit", "commit done", "latest", "segments", "open", "read", "sync"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed(t), 0))
			d := newDatabase(t)
			d.options.HeadAge = -1
			broken := errors.New("broken")
			faults := 0
			var mu sync.Mutex
			step := func(at string) error {
				mu.Lock()
				defer mu.Unlock()
				// The catalog is asked what it has only where a commit was not answered.
				asked := name == "latest" || name == "segments"
				if faults > 0 && (at == name || asked && at == "commit done") {
					if at == name {
						faults--
					}
					return broken
				}
				return nil
			}
			disk := waltest.NewDisk()
			disk.Fail = func(op waltest.Op, _ string) error { return step(string(op)) }
			d.options.LogFS = disk
			d.bucket = &objecttest.Faulty{Bucket: d.bucket, Fail: func(op objecttest.Op, _ string) error { return step(string(op)) }}
			d.catalog = &faultyCatalog{d.catalog, step}
			d.open(t)
			m := newModel(t, d)
			refused := 0
			for range 12 {
				d.append(t, m.batch(r)...)
				mu.Lock()
				faults = 1 + r.IntN(2)
				mu.Unlock()
				if err := d.Flush(context.Background()); err != nil {
					if refused++; !errors.Is(err, broken) {
						t.Fatal(err)
					}
				}
				mu.Lock()
				faults = 0
				mu.Unlock()
				if !m.holds(t, d) {
					t.Fatal("the store has not what it acknowledged")
				}
			}
			if refused == 0 && name != "sync" && name != "commit done" && name != "read" && name != "open" {
				t.Error("no flush noticed the fault")
			}
			d.flush(t)
			if st := d.Stats(); st.HeadSamples != 0 {
				t.Errorf("%d samples are in the head after the flush", st.HeadSamples)
			}
			d.reopen(t)
			if !m.holds(t, d) {
				t.Error("after a restart the store has not what it acknowledged")
			}
		})
	}
}

// rivals opens a second store on the catalog and the bucket of the first.
func rivals(t *testing.T) (first, second *database) {
	first = newDatabase(t)
	first.options.LeaseTTL = -1 // others may take over at once
	first.open(t)
	second = &database{bucket: first.bucket, catalog: first.catalog, dir: t.TempDir()}
	return first, second
}

func TestAWriterWhoseEpochIsOldOnlyReads(t *testing.T) {
	t.Parallel()
	d, rival := rivals(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 60})
	one := func(i int) columnar.Samples {
		return columnar.Samples{Series: s, Times: []int64{int64(i) * second}, Floats: []float64{float64(i)}}
	}
	d.append(t, one(1))
	d.flush(t)
	rival.open(t)
	d.append(t, one(2)) // it has not noticed yet
	ctx := context.Background()
	if err := d.Flush(ctx); !errors.Is(err, meta.ErrConflict) {
		t.Errorf("flush: %v", err)
	}
	for what, err := range map[string]error{"append": d.Append(ctx, []columnar.Samples{one(3)}), "flush": d.Flush(ctx)} {
		if !errors.Is(err, meta.ErrConflict) {
			t.Errorf("%s: %v, want one that wraps ErrConflict", what, err)
		}
	}
	sel := columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality}
	if got := readSamples(t, d.Store, sel); len(got) != 2 {
		t.Errorf("it reads %d samples", len(got))
	}
	rival.append(t, one(4))
	rival.flush(t)
	if got := fmt.Sprint(readSamples(t, rival.Store, sel)); got != "[{0 1000000 1 0 1} {0 4000000 4 0 4}]" {
		t.Errorf("the new writer reads %s", got)
	}
	if err := rival.Close(ctx); err != nil {
		t.Error(err)
	}
}
