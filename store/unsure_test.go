package store_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// errCatalog is what a catalog answers that cannot be reached.
var errCatalog = errors.New("the catalog cannot be reached")

// TestAnEditWhoseCommitIsNotAnsweredIsNotTakenBack carries an edit or a purge out and loses
// the answer, and then the catalog for a while. What comes afterwards, on the same blocks,
// rests on what was carried out.
func TestAnEditWhoseCommitIsNotAnsweredIsNotTakenBack(t *testing.T) {
	t.Parallel()
	for _, k := range []int{2, 3, 4, 5} { // edits and the purge
		op := operations[k]
		for _, happens := range []bool{true, false} {
			name := op.name + " that does not happen"
			if happens {
				name = op.name + " that happens"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				loseAnswer(t, op.do, happens)
			})
		}
	}
}

// loseAnswer does an operation whose commit happens, or does not, and is not answered, and
// then something on the same blocks.
func loseAnswer(t *testing.T, do func(context.Context, *scene) error, happens bool) {
	t.Helper()
	before, after := reference(t, do)
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.Keep, d.options.LogFS = -1, waltest.NewDisk()
	catalog := d.catalog
	var armed, down atomic.Bool
	edits := func() int {
		found, err := catalog.Edits(context.Background(), meta.EditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	faulty := &faultyCatalog{Catalog: catalog}
	d.catalog = faulty
	first := 0
	faulty.step = func(at string) error {
		switch {
		case armed.Load() && (happens && at == "commit done" && edits() > first || !happens && at == "commit" && d.Stats().HeadSamples == 0):
			down.Store(true)
		case !down.Load():
			return nil
		}
		return errCatalog
	}
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := errors.Join(s.prepare(ctx), s.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	first = edits()
	armed.Store(true)
	err := do(ctx, s)
	if !errors.Is(err, errCatalog) || !strings.Contains(err.Error(), "may have happened") {
		t.Fatalf("it ended with %v", err)
	}
	armed.Store(false)
	if err := s.Flush(ctx); happens && !errors.Is(err, errCatalog) {
		t.Errorf("a flush while it is not known what there is: %v", err)
	}
	if got := s.samples(t, 0); got != before.now {
		t.Error("what is not known to have happened is seen")
	}
	down.Store(false)
	// In each of the blocks a sample is written over with what it has then.
	want := before
	if happens {
		want = after
	}
	if err := s.touch(ctx, 300); err != nil {
		t.Fatal(err)
	}
	if got := s.look(t); got.now == 0 || got.edits != want.edits {
		t.Errorf("%d edits are on the trail, want %d", got.edits, want.edits)
	}
	whole := sceneThatIsTouched(t, func(ctx context.Context, s *scene) error {
		if !happens {
			return s.Flush(ctx)
		}
		return do(ctx, s)
	})
	if got := s.samples(t, 0); got != whole {
		t.Error("what came afterwards has taken it back, or made it happen")
	}
	s.cleanUp(t)
	if got := s.samples(t, 0); got != whole {
		t.Error("a collection took something that is needed")
	}
}

// touch writes one sample into every block of both series up to a slot, and flushes.
func (s *scene) touch(ctx context.Context, to int64) error {
	var errs []error
	for slot := int64(7); slot < to; slot += 8 {
		errs = append(errs, s.Append(ctx, []columnar.Samples{s.values(slot, 1, 11), s.texts(slot, 1, "touch")}))
	}
	return errors.Join(append(errs, s.Flush(ctx))...)
}

// sceneThatIsTouched returns what a scene has after an operation and touch.
func sceneThatIsTouched(t testing.TB, do func(context.Context, *scene) error) uint64 {
	t.Helper()
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.Keep, d.options.LogFS = -1, waltest.NewDisk()
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := errors.Join(s.prepare(ctx), s.Flush(ctx), do(ctx, s), s.touch(ctx, 300)); err != nil {
		t.Fatal(err)
	}
	return s.samples(t, 0)
}

// TestWritersAreToldWhyTheHeadStaysFullAfterAnEditWithoutAnswer loses the answer to an
// edit's commit, and the catalog with it: no flush can even begin. Writers must not wait
// without end.
func TestWritersAreToldWhyTheHeadStaysFullAfterAnEditWithoutAnswer(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadAge, d.options.HeadBytes, d.options.CompactRate = -1, 1<<14, -1
	var armed, down atomic.Bool
	d.catalog = &faultyCatalog{Catalog: d.catalog, step: func(at string) error {
		if at == "commit" && armed.Swap(false) {
			down.Store(true)
		}
		if down.Load() {
			return errCatalog
		}
		return nil
	}}
	d.open(t)
	s := d.create(t, "a", columnar.Double, oneSecond)
	d.append(t, flat(s, 0, 60, 1))
	d.flush(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := d.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(ctx, []columnar.Samples{flat(s, 0, 60, 2)}); err != nil {
		t.Fatal(err)
	}
	armed.Store(true)
	if _, err := e.Commit(ctx); !errors.Is(err, errCatalog) {
		t.Fatalf("the edit ended with %v", err)
	}
	for k := 1; ; k++ {
		err := d.Append(ctx, []columnar.Samples{flat(s, k*30, 20, 3)})
		if err == nil && k < 10_000 {
			continue
		}
		if !errors.Is(err, errCatalog) || !strings.Contains(err.Error(), "wait to be flushed") {
			t.Fatalf("after %d batches an append ends with %v", k, err)
		}
		break
	}
	down.Store(false)
	d.flush(t)
	d.append(t, flat(s, 0, 1, 4))
}
