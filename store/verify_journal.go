package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// startChecks finds what makes a start fail: whose the bucket is, and which of bucket and
// catalog has gone back in time. Then it compares the catalog's rows with what the
// bucket's journal says of them.
func (v *verifier) startChecks(ctx context.Context) error {
	err := CheckBucket(ctx, v.Bucket, v.content.ID)
	if told, err := v.sayFault(err); told || err != nil {
		return err
	}
	_, _, err = checkJournal(ctx, v.Bucket, v.Catalog)
	if told, err := v.sayFault(err); told || err != nil {
		return err
	}
	if err := v.claims(ctx); err != nil {
		return err
	}
	return v.journal(ctx)
}

// sayFault reports an error that is about what is there, and returns any other.
func (v *verifier) sayFault(err error) (told bool, _ error) {
	for _, fault := range []error{ErrForeign, ErrBehind, columnar.ErrCorrupt} {
		if errors.Is(err, fault) {
			v.say(Finding{Err: err})
			return true, nil
		}
	}
	return false, err
}

// claims reports a bucket that has had a later writer than the catalog, or one whose
// catalog is kept in another place.
func (v *verifier) claims(ctx context.Context) error {
	newest, err := newestClaim(ctx, v.Bucket)
	if err != nil {
		_, err = v.sayFault(err)
		return err
	}
	lease, err := v.Catalog.Lease(ctx) // asked later: a writer tells the catalog first
	if err == nil && newest > max(v.content.Epoch, lease.Epoch) {
		v.say(Finding{Err: fmt.Errorf("the catalog: %w: the bucket has had a writer of epoch %d, and it has given out %d: the catalog is an older copy: %w", ErrBehind, newest, v.content.Epoch, columnar.ErrCorrupt)})
	}
	if err != nil || newest == 0 {
		return err
	}
	var before, own claim
	err = readJSON(ctx, v.Bucket, claimKey(newest), &before)
	if errors.Is(err, object.ErrNotFound) {
		return nil // a later writer has taken it away
	}
	if err == nil {
		err = own.mark(ctx, v.Bucket, v.Catalog)
	}
	if err == nil {
		err = before.follows(&own)
	}
	_, err = v.sayFault(err)
	return err
}

// journal compares the catalog's rows with what the bucket says of them.
func (v *verifier) journal(ctx context.Context) error {
	there, err := listJournal(ctx, v.Bucket)
	if err != nil {
		return err
	}
	if _, any := there.newest(); !any {
		return nil // of an older release, or never opened since it was restored
	}
	if err := v.journalObjects(ctx, &there); err != nil {
		return err
	}
	r, err := Rebuild(ctx, v.Bucket, v.content.Changes)
	switch {
	case errors.Is(err, errNoCheckpoint):
		v.say(Finding{Err: fmt.Errorf("the journal of the catalog: %w; the next start of a server makes one", err)})
		return nil
	case err != nil:
		return err
	}
	// What is on its way to the bucket is still in the catalog's own journal.
	if r.Content.Changes < v.content.Changes && len(r.Damaged) == 0 {
		if err := v.catchUp(ctx, r); err != nil {
			return err
		}
	}
	if r.Content.Changes != v.content.Changes || r.Content.Head != v.content.Head {
		v.say(catalogDamage("change %d, %s, is not change %d, %s, of the bucket's journal", v.content.Changes, v.content.Head, r.Content.Changes, r.Content.Head))
		return nil
	}
	differences(&v.content, &r.Content, func(what string) { v.say(catalogDamage("%s", what)) })
	return nil
}

// journalObjects reads every object of the journal. A writer may take old ones away
// meanwhile.
func (v *verifier) journalObjects(ctx context.Context, there *journalObjects) error {
	say := func(err error) error {
		switch {
		case err == nil:
		case errors.Is(err, columnar.ErrCorrupt):
			v.say(Finding{Err: fmt.Errorf("the journal of the catalog: %w; what comes after it cannot be rebuilt from the bucket before the next checkpoint", err)})
		case !errors.Is(err, object.ErrNotFound):
			return err
		}
		return nil
	}
	for _, number := range there.checkpoints {
		_, err := readCheckpoint(ctx, v.Bucket, number)
		if err := say(err); err != nil {
			return err
		}
	}
	for _, number := range there.runs {
		_, _, err := readRun(ctx, v.Bucket, number)
		if err := say(err); err != nil {
			return err
		}
	}
	return nil
}

// catchUp applies the changes that the catalog still has.
func (v *verifier) catchUp(ctx context.Context, r *Rebuilt) error {
	pending, err := v.Catalog.Journal(ctx, r.Content.Changes)
	if err != nil {
		return err
	}
	replay := meta.NewReplay(&r.Content)
	for _, e := range pending.Entries {
		if e.Number > v.content.Changes {
			break
		}
		if err := replay.Apply(e); err != nil {
			v.say(catalogDamage("its journal: %v", err))
			return nil
		}
	}
	r.Content = replay.Content()
	return nil
}
