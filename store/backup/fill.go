package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
)

// ErrNotEmpty says that a place to be filled holds something else.
var ErrNotEmpty = errors.New("the target is not empty")

// Restore fills an empty place with a backup. It may be called again after it was cut
// short: what is there is compared and not copied again. When it returns without an
// error, the place has been compared with the manifest.
func Restore(ctx context.Context, from object.Bucket, manifest string, to Place, o Options) (Report, error) {
	m, err := Load(ctx, from, manifest)
	if err != nil {
		return Report{}, fmt.Errorf("restore: %w", err)
	}
	f := filler{content: m.Content, to: to, copies: copier{
		from: from, to: to.Bucket, toKey: ownName, Options: o,
		fromKey: func(s *meta.Segment) string { return segmentKey(m.Content.ID, s) },
	}}
	f.report.Manifest = manifest
	if err := f.run(ctx); err != nil {
		return f.report, fmt.Errorf("restore: %w", err)
	}
	return f.report, nil
}

// Move fills an empty place with the newest snapshot of another one, all that are
// kept before it and all history, and compares the number of samples of every series
// in the two. The caller sees to it that nobody writes to the source. It may be
// called again after it was cut short.
func Move(ctx context.Context, from, to Place, o Options) (Report, error) {
	content, err := from.Catalog.Export(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("migration: %w", err)
	}
	newest := int64(0)
	if n := len(content.Snapshots); n > 0 {
		newest = content.Snapshots[n-1].ID
	}
	trim(&content, newest)
	f := filler{content: content, to: to, copies: copier{from: from.Bucket, to: to.Bucket, fromKey: ownName, toKey: ownName, Options: o}}
	if err := f.run(ctx); err != nil {
		return f.report, fmt.Errorf("migration: %w", err)
	}
	if err := sameCounts(ctx, from, to, content.Series); err != nil {
		return f.report, fmt.Errorf("migration: %w", err)
	}
	return f.report, nil
}

// filler fills a place.
type filler struct {
	content meta.Content
	to      Place
	copies  copier
	report  Report
}

func (f *filler) run(ctx context.Context) error {
	c := &f.content
	f.report.Database, f.report.Series = c.ID, len(c.Series)
	if n := len(c.Snapshots); n > 0 {
		f.report.Snapshot = c.Snapshots[n-1].ID
	}
	var err error
	if f.report.Done, err = f.checkTarget(ctx); err != nil {
		return err
	}
	outcomes, err := f.copies.all(ctx, c.Segments)
	if err != nil {
		return err
	}
	for i := range outcomes {
		if outcomes[i].lost != nil {
			return fmt.Errorf("segment %s is missing from the source: trellis verify, or an older backup: %w", c.Segments[i].Name, outcomes[i].lost)
		}
	}
	f.report.add(c.Segments, outcomes, f.copies.toKey)
	if !f.report.Done {
		if err := f.to.Catalog.Import(ctx, *c); err != nil {
			return err
		}
	}
	there, err := f.to.Catalog.Export(ctx)
	if err != nil {
		return err
	}
	if what := difference(c, &there); what != "" {
		return fmt.Errorf("the target's catalog has other %s than the source's after it was filled: %w", what, columnar.ErrCorrupt)
	}
	return nil
}

// checkTarget reports a target that holds something else. done says that an earlier
// try has filled it.
func (f *filler) checkTarget(ctx context.Context) (done bool, err error) {
	there, err := f.to.Catalog.Export(ctx)
	if err != nil {
		return false, err
	}
	if !empty(&there) {
		if what := difference(&f.content, &there); what != "" || there.ID != f.content.ID {
			return false, fmt.Errorf("%w: its catalog has %d series, %d snapshots and %d segments, and has had %d writers; a server may have it: choose a place that is empty",
				ErrNotEmpty, len(there.Series), len(there.Snapshots), len(there.Segments), there.Epoch)
		}
		done = true
	}
	if err := store.CheckBucket(ctx, f.to.Bucket, f.content.ID); err != nil {
		return false, err
	}
	if owner, err := store.BucketOwner(ctx, f.to.Bucket); err != nil || owner != "" && !done {
		if err == nil {
			err = fmt.Errorf("%w: its bucket is that of database %s already, with another catalog: choose another bucket or prefix; to have the catalog of this one back, trellis repair", ErrNotEmpty, owner)
		}
		return false, err
	}
	wanted := make(map[string]bool, len(f.content.Segments))
	for i := range f.content.Segments {
		wanted[f.content.Segments[i].Name] = true
	}
	for info, err := range f.to.Bucket.List(ctx, "segments/") {
		if err != nil {
			return false, err
		}
		if !wanted[info.Key] {
			return false, fmt.Errorf("%w: its bucket has %s, which is not of this database: choose another bucket or prefix, or empty this one", ErrNotEmpty, info.Key)
		}
	}
	return done, nil
}

// empty reports whether a catalog was never used.
func empty(c *meta.Content) bool {
	return c.Epoch == 0 && len(c.Series)+len(c.Snapshots)+len(c.Segments)+len(c.Edits)+len(c.Pins)+len(c.Logs)+len(c.Settings) == 0
}

// difference names what a catalog has otherwise than another one; empty: nothing.
func difference(want, have *meta.Content) string {
	for _, part := range []struct {
		name       string
		want, have any
		n          int // of those that are wanted; none at all may be nil or empty
		m          int
	}{
		{"series", want.Series, have.Series, len(want.Series), len(have.Series)},
		{"snapshots", want.Snapshots, have.Snapshots, len(want.Snapshots), len(have.Snapshots)},
		{"segments", want.Segments, have.Segments, len(want.Segments), len(have.Segments)},
		{"edits", want.Edits, have.Edits, len(want.Edits), len(have.Edits)},
		{"pins", want.Pins, have.Pins, len(want.Pins), len(have.Pins)},
		{"settings", want.Settings, have.Settings, len(want.Settings), len(have.Settings)},
	} {
		if part.n != part.m || part.n > 0 && !reflect.DeepEqual(part.want, part.have) {
			return part.name
		}
	}
	return ""
}

// sameCounts compares the number of samples of every series in two places.
func sameCounts(ctx context.Context, from, to Place, series []meta.Series) error {
	want, err := store.Count(ctx, from.Bucket, from.Catalog)
	if err != nil {
		return err
	}
	have, err := store.Count(ctx, to.Bucket, to.Catalog)
	if err != nil {
		return err
	}
	names := make(map[int64]string, len(series))
	for i := range series {
		names[series[i].ID] = series[i].Name
	}
	ids := slices.Sorted(maps.Keys(want))
	for _, id := range append(ids, slices.Sorted(maps.Keys(have))...) {
		if want[id] != have[id] {
			return fmt.Errorf("series %q has %d samples at the source and %d at the target: %w", names[id], want[id], have[id], columnar.ErrCorrupt)
		}
	}
	return nil
}
