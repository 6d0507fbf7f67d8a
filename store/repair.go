package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// RepairPlan says what a catalog that is rebuilt from its bucket will hold.
type RepairPlan struct {
	*Rebuilt
	Lost        int64    // changes that the bucket has seen and that cannot be read any more
	Ahead       int64    // changes that the catalog has and the bucket does not: it is the bucket that is old
	Missing     []string // segments that are not in the bucket, or have another size there
	Unknown     []string // objects among the segments that are none of them; nobody deletes them
	Differences []string // what the catalog has otherwise; empty where it could not be asked
	Fault       error    // why no server would start with the catalog; nil: one would, or it could not be asked
	// Elsewhere is the bucket's last writer where its catalog was another one, or cannot
	// be told from this one: it may be at work still. Empty: it was this catalog's.
	Elsewhere string
}

// Needed reports whether anything would be another than it is.
func (p *RepairPlan) Needed() bool { return p.Fault != nil || len(p.Differences) > 0 }

// PlanRepair reads from a bucket what its catalog should hold, and compares that with a
// catalog, which may be nil.
func PlanRepair(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) (*RepairPlan, error) {
	rebuilt, err := Rebuild(ctx, bucket, -1)
	if err != nil {
		return nil, err
	}
	p := &RepairPlan{Rebuilt: rebuilt, Lost: rebuilt.Newest - rebuilt.Content.Changes}
	owner, err := BucketOwner(ctx, bucket)
	switch {
	case errors.Is(err, columnar.ErrCorrupt):
		p.Damaged = append(p.Damaged, err)
	case err != nil:
		return nil, err
	case owner != "" && owner != p.Content.ID:
		return nil, foreign(owner, p.Content.ID)
	}
	if err := p.compareBucket(ctx, bucket); err != nil {
		return nil, err
	}
	if err := p.lastWriter(ctx, bucket, catalog); err != nil {
		return nil, err
	}
	if catalog == nil {
		return p, nil
	}
	_, _, p.Fault = checkJournal(ctx, bucket, catalog)
	content, err := catalog.Export(ctx)
	if err != nil {
		p.Fault = errors.Join(p.Fault, err)
		return p, nil
	}
	if content.ID != p.Content.ID && content.Changes > 0 {
		return nil, foreign(p.Content.ID, content.ID)
	}
	p.Ahead = max(content.Changes-p.Newest, 0)
	if content.Epoch < p.Content.Epoch {
		p.Fault = errors.Join(p.Fault, fmt.Errorf("the catalog: %w: the bucket has had a writer of epoch %d, and it has given out %d", ErrBehind, p.Content.Epoch, content.Epoch))
	}
	differences(&content, &p.Content, func(what string) { p.Differences = append(p.Differences, what) })
	return p, nil
}

// lastWriter finds out whether the bucket's last writer had this catalog.
func (p *RepairPlan) lastWriter(ctx context.Context, bucket object.Bucket, catalog meta.Catalog) error {
	epoch, err := newestClaim(ctx, bucket)
	if err != nil || epoch == 0 {
		return ignoreDamage(err)
	}
	var last claim
	if err := readJSON(ctx, bucket, claimKey(epoch), &last); err != nil {
		return ignoreDamage(err)
	}
	if b, ok := bucket.(object.Marked); ok && last.Bucket != b.Mark() {
		return nil // the bucket is a copy, and nobody else's
	}
	mark := ""
	if catalog != nil {
		if mark, err = catalog.Mark(ctx); err != nil {
			return err
		}
	}
	if mark == "" || mark != last.Catalog {
		p.Elsewhere = last.Holder
	}
	return nil
}

// ignoreDamage returns an error, unless it says that something is damaged.
func ignoreDamage(err error) error {
	if errors.Is(err, columnar.ErrCorrupt) {
		return nil
	}
	return err
}

// compareBucket compares the segments with the objects that are there. The epochs of the
// objects are those that were given out, too.
func (p *RepairPlan) compareBucket(ctx context.Context, bucket object.Bucket) error {
	c := &p.Content
	newest, err := newestClaim(ctx, bucket)
	if ignoreDamage(err) != nil {
		return err
	}
	c.Epoch = max(c.Epoch, newest)
	sizes := make(map[string]int64)
	for info, err := range bucket.List(ctx, segmentPrefix) {
		if err != nil {
			return err
		}
		sizes[info.Key] = info.Size
		if epoch, ok := nameEpoch(info.Key); ok {
			c.Epoch = max(c.Epoch, epoch)
		}
	}
	for i := range c.Segments {
		m := &c.Segments[i]
		if size, ok := sizes[m.Name]; !ok || size != m.Size {
			p.Missing = append(p.Missing, m.Name)
		}
		delete(sizes, m.Name)
	}
	for info, err := range bucket.List(ctx, segmentPrefix) {
		if err != nil {
			return err
		}
		if _, ok := sizes[info.Key]; ok && !p.Unlinked(info.Key) {
			p.Unknown = append(p.Unknown, info.Key)
		}
	}
	return nil
}

// FinishRepair fills a catalog with what was planned, and tells the bucket that it is
// its catalog. The catalog's former content is given up. Nobody else has the place open.
func FinishRepair(ctx context.Context, bucket object.Bucket, catalog meta.Catalog, p *RepairPlan) error {
	content := p.Content
	if p.Lost > 0 {
		// What is lost keeps its numbers: the changes from now on follow a checkpoint.
		gap, err := meta.NewEntry(&meta.Change{Number: p.Newest + 1, Before: content.Head})
		if err != nil {
			return err
		}
		content.Changes, content.Head = gap.Number, gap.Digest()
	}
	// The catalog comes last: until it has everything, it is one that is behind.
	if _, err := putCheckpoint(ctx, bucket, &content); err != nil {
		return err
	}
	strangers := p.Unknown
	if err := putJSON(ctx, bucket, identityKey, object.Always, identity{identityFormat, content.ID, strangers}); err != nil {
		return err
	}
	claims, err := listKeys(ctx, bucket, writerPrefix)
	for _, key := range claims {
		err = errors.Join(err, bucket.Delete(ctx, key))
	}
	if err != nil {
		return err
	}
	return catalog.Replace(ctx, content)
}
