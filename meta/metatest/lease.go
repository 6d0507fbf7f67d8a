package metatest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

// state is all that a catalog says.
type state struct {
	Content    meta.Content
	Garbage    []meta.Garbage
	Lease      meta.Lease
	Generation int64
}

func stateOf(t *testing.T, c meta.Catalog) state {
	t.Helper()
	return state{
		Content:    must[meta.Content](t)(c.Export(t.Context())),
		Garbage:    must[[]meta.Garbage](t)(c.Garbage(t.Context())),
		Lease:      must[meta.Lease](t)(c.Lease(t.Context())),
		Generation: must[int64](t)(c.Generation(t.Context())),
	}
}

// unchanged reports what the catalog says differently now.
func (s state) unchanged(t *testing.T, c meta.Catalog) {
	t.Helper()
	equal(t, "states", stateOf(t, c), s)
}

// long is a lease that outlives every test.
const long = 25 * time.Minute

// acquire makes somebody the writer whom others may replace at once.
func acquire(t *testing.T, c meta.Catalog) int64 {
	t.Helper()
	return must[int64](t)(c.Acquire(t.Context(), meta.Claim{Holder: "writer"}))
}

func databaseID(t *testing.T, open Opener) {
	dir := t.TempDir()
	one, two, other := openIn(t, open, dir), openIn(t, open, dir), openNew(t, open)
	id := must[string](t)(one.ID(t.Context()))
	if len(id) < 16 {
		t.Errorf("the id %q is too short to be the only one", id)
	}
	equal(t, "ids", must[string](t)(two.ID(t.Context())), id)
	if must[string](t)(other.ID(t.Context())) == id {
		t.Errorf("two databases have the id %q", id)
	}
}

func logPositions(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	one, two := must[string](t)(c.NewLog(ctx)), must[string](t)(c.NewLog(ctx))
	if one == two || one == "" {
		t.Fatalf("the logs are %q and %q", one, two)
	}
	at := func(log string, want uint64) {
		t.Helper()
		equal(t, "positions", must[uint64](t)(c.Position(ctx, log)), want)
	}
	at(one, 0)
	epoch := acquire(t, c)
	for _, step := range []struct{ position, want uint64 }{
		{5, 5}, {0, 5}, {4, 5}, {5, 5}, {6, 6}, {math.MaxInt64, math.MaxInt64}, {math.MaxInt64 + 1, math.MaxInt64 + 1}, {7, math.MaxInt64 + 1}, {math.MaxUint64, math.MaxUint64},
	} {
		must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Log: one, Position: step.position}))
		at(one, step.want)
		at(two, 0)
	}
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch, Position: 9}))
	at(two, 0)
	_, err := c.Position(ctx, "unknown")
	wantError(t, err, meta.ErrNotFound, "unknown")
	_, err = c.Position(ctx, "")
	wantError(t, err, meta.ErrNotFound)
	before := stateOf(t, c)
	_, err = c.Commit(ctx, meta.Commit{Epoch: epoch, Log: "unknown", Position: 10, Add: segments("a")})
	wantError(t, err, meta.ErrNotFound, "unknown")
	before.unchanged(t, c)
}

func leaseHeld(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	equal(t, "leases", must[meta.Lease](t)(c.Lease(ctx)), meta.Lease{})
	log := must[string](t)(c.NewLog(ctx))
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "node 1", Log: log, TTL: long}))
	lease := must[meta.Lease](t)(c.Lease(ctx))
	if lease.Expires < time.Hour.Microseconds() {
		t.Errorf("the lease runs out at %d", lease.Expires)
	}
	equal(t, "leases", lease, meta.Lease{Epoch: epoch, Holder: "node 1", Log: log, Expires: lease.Expires})

	other := must[string](t)(c.NewLog(ctx))
	before := stateOf(t, c)
	for _, claim := range []meta.Claim{
		{Holder: "node 2", Log: other, TTL: long},
		{Holder: "node 2", TTL: long},
		{Holder: "node 1"},
	} {
		_, err := c.Acquire(ctx, claim)
		wantError(t, err, meta.ErrHeld, `"node 1"`, "24m5")
	}
	before.unchanged(t, c)
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch}))

	// The holder of the log may come back, under whatever name.
	again := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "node 1 again", Log: log, TTL: long}))
	if again <= epoch {
		t.Errorf("the epoch is %d after %d", again, epoch)
	}
	_, err := c.Commit(ctx, meta.Commit{Epoch: epoch})
	wantError(t, err, meta.ErrConflict, "node 1 again")
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: again}))
}

// A lease without a log is nobody's who could come back.
func leaseWithoutLog(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "a", TTL: long}))
	_, err := c.Acquire(ctx, meta.Claim{Holder: "b", TTL: long})
	wantError(t, err, meta.ErrHeld, `"a"`)
}

func leaseRunsOut(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	for _, ttl := range []time.Duration{0, -time.Hour} {
		must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "at once", Log: "a", TTL: ttl}))
	}
	first := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "first", Log: "a", TTL: 2 * time.Second}))
	_, err := c.Acquire(ctx, meta.Claim{Holder: "second", Log: "b", TTL: long})
	wantError(t, err, meta.ErrHeld, `"first"`)
	second := waitFor(t, c, meta.Claim{Holder: "second", Log: "b", TTL: long})
	if second <= first {
		t.Errorf("the epoch is %d after %d", second, first)
	}
	wantError(t, c.Renew(ctx, first, long), meta.ErrConflict, `"second"`)
	check(t, c.Release(ctx, first)) // it does not have it any more
	equal(t, "holders", must[meta.Lease](t)(c.Lease(ctx)).Holder, "second")
	_, err = c.Acquire(ctx, meta.Claim{Holder: "first", Log: "a", TTL: long})
	wantError(t, err, meta.ErrHeld, `"second"`)
}

// waitFor acquires as soon as nobody else holds the lease.
func waitFor(t *testing.T, c meta.Catalog, claim meta.Claim) int64 {
	t.Helper()
	for range 2000 {
		epoch, err := c.Acquire(t.Context(), claim)
		if err == nil {
			return epoch
		}
		wantError(t, err, meta.ErrHeld)
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the lease does not run out")
	return 0
}

func leaseRenewed(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	epoch := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "a", Log: "a"}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: epoch})) // a lease that ran out is not one that was lost
	check(t, c.Renew(ctx, epoch, long))
	long1 := must[meta.Lease](t)(c.Lease(ctx)).Expires
	other := meta.Claim{Holder: "b", Log: "b", TTL: long}
	_, err := c.Acquire(ctx, other)
	wantError(t, err, meta.ErrHeld, `"a"`)
	check(t, c.Renew(ctx, epoch, 2*long))
	if long2 := must[meta.Lease](t)(c.Lease(ctx)).Expires; long2 < long1+long.Microseconds()-time.Minute.Microseconds() {
		t.Errorf("renewed for twice as long, the lease runs out at %d after %d", long2, long1)
	}
	// A lease may be made shorter, too.
	check(t, c.Renew(ctx, epoch, time.Millisecond))
	newer := waitFor(t, c, other)
	wantError(t, c.Renew(ctx, epoch, long), meta.ErrConflict)
	wantError(t, c.Renew(ctx, newer+1, long), meta.ErrConflict)
}

func leaseReleased(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	check(t, c.Release(ctx, 7)) // nobody has it
	first := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "a", Log: "a", TTL: long}))
	check(t, c.Release(ctx, first))
	second := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "b", Log: "b", TTL: long}))
	_, err := c.Commit(ctx, meta.Commit{Epoch: first})
	wantError(t, err, meta.ErrConflict, `"b"`)
	before := stateOf(t, c)
	check(t, c.Release(ctx, first))
	before.unchanged(t, c)
	check(t, c.Release(ctx, second))
	check(t, c.Release(ctx, second))
}

// ClockSetBack checks what becomes of leases that were given before the catalog's clock
// was set back: execute runs SQL without the catalog's help, open opens it again.
func ClockSetBack(t *testing.T, c meta.Catalog, execute func(statement string), open func() meta.Catalog) {
	ctx := t.Context()
	const year = 365 * 24 * time.Hour
	setBack := func() {
		execute(fmt.Sprintf("UPDATE catalog SET expires = expires + %d", year.Microseconds()))
		for _, statement := range withoutSums {
			execute(statement)
		}
		check(t, open().Close())
	}
	first := must[int64](t)(c.Acquire(ctx, meta.Claim{Holder: "first", Log: "a", TTL: 10_000 * time.Hour}))
	other := meta.Claim{Holder: "second", Log: "b", TTL: long}
	_, err := c.Acquire(ctx, other)
	wantError(t, err, meta.ErrHeld, `"first"`)
	// It lasts for MaxTTL, not for what was asked.
	cut := must[meta.Lease](t)(c.Lease(ctx)).Expires
	check(t, c.Renew(ctx, first, meta.MaxTTL))
	if whole := must[meta.Lease](t)(c.Lease(ctx)).Expires; cut > whole || cut < whole-time.Minute.Microseconds() {
		t.Errorf("a lease of 10,000 hours runs out at %d, one of an hour at %d", cut, whole)
	}
	setBack()
	// The holder goes on, and its next renewal says what is true again.
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: first}))
	check(t, c.Renew(ctx, first, long))
	_, err = c.Acquire(ctx, other)
	wantError(t, err, meta.ErrHeld, `"first"`)
	// One that is gone is not waited for.
	setBack()
	must[int64](t)(c.Acquire(ctx, other))
	_, err = c.Commit(ctx, meta.Commit{Epoch: first})
	wantError(t, err, meta.ErrConflict, `"second"`)
	_, err = c.Acquire(ctx, meta.Claim{Holder: "third", Log: "c"})
	wantError(t, err, meta.ErrHeld, `"second"`)
}

// everythingIsFenced calls each method of a writer with an epoch that is not the
// newest.
func everythingIsFenced(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	old := acquire(t, c)
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: old, Add: segments("a")}))
	must[meta.Snapshot](t)(c.Commit(ctx, meta.Commit{Epoch: old, Time: 5, Retire: []string{"a"}}))
	must[[]string](t)(c.Condemn(ctx, old, []string{"orphan"}, 1))
	edit := must[int64](t)(c.ReserveEdits(ctx, old, 1))
	newest := acquire(t, c)
	before := stateOf(t, c)
	calls := map[string]func(ctx context.Context, epoch int64) error{
		"Commit": func(ctx context.Context, epoch int64) error {
			_, err := c.Commit(ctx, meta.Commit{Epoch: epoch, Add: segments("b"), Edit: &meta.Edit{ID: edit, Kind: columnar.Delete}})
			return err
		},
		"Renew": func(ctx context.Context, epoch int64) error { return c.Renew(ctx, epoch, long) },
		"ReserveEdits": func(ctx context.Context, epoch int64) error {
			_, err := c.ReserveEdits(ctx, epoch, 5)
			return err
		},
		"Expire": func(ctx context.Context, epoch int64) error {
			_, err := c.Expire(ctx, meta.Expiry{Epoch: epoch, KeepFrom: 5})
			return err
		},
		"Condemn": func(ctx context.Context, epoch int64) error {
			_, err := c.Condemn(ctx, epoch, []string{"other"}, 1)
			return err
		},
		"Forget": func(ctx context.Context, epoch int64) error { return c.Forget(ctx, epoch, []string{"orphan"}) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			for _, epoch := range []int64{old, newest + 1, 0, -1} {
				wantError(t, call(t.Context(), epoch), meta.ErrConflict, fmt.Sprint(epoch))
			}
			before.unchanged(t, c)
		})
	}
	for name, call := range calls {
		if err := call(ctx, newest); err != nil {
			t.Errorf("%s by the newest writer: %v", name, err)
		}
	}
}
