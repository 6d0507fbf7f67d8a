package store_test

import (
	"context"
	"time"

	"github.com/trellisdb/trellis/meta"
)

// faultyCatalog is a catalog that needs power. A change needs it before and after: in
// between, it happens and the caller is not told.
type faultyCatalog struct {
	meta.Catalog
	step func(name string) error
}

// ask carries out a question.
func ask[T any](c *faultyCatalog, name string, f func() (T, error)) (answer T, err error) {
	if err := c.step(name); err != nil {
		return answer, err
	}
	return f()
}

// do carries out a change.
func do[T any](c *faultyCatalog, name string, f func() (T, error)) (answer T, err error) {
	if err := c.step(name); err != nil {
		return answer, err
	}
	if answer, err = f(); err == nil {
		err = c.step(name + " done")
	}
	return answer, err
}

func (c *faultyCatalog) Commit(ctx context.Context, commit meta.Commit) (meta.Snapshot, error) {
	return do(c, "commit", func() (meta.Snapshot, error) { return c.Catalog.Commit(ctx, commit) })
}

func (c *faultyCatalog) ReserveEdits(ctx context.Context, epoch int64, n int) (int64, error) {
	return do(c, "reserve edits", func() (int64, error) { return c.Catalog.ReserveEdits(ctx, epoch, n) })
}

func (c *faultyCatalog) Expire(ctx context.Context, e meta.Expiry) (meta.Expired, error) {
	return do(c, "expire", func() (meta.Expired, error) { return c.Catalog.Expire(ctx, e) })
}

func (c *faultyCatalog) Condemn(ctx context.Context, epoch int64, names []string, now int64) ([]string, error) {
	return do(c, "condemn", func() ([]string, error) { return c.Catalog.Condemn(ctx, epoch, names, now) })
}

func (c *faultyCatalog) Forget(ctx context.Context, epoch int64, names []string) error {
	_, err := do(c, "forget", func() (struct{}, error) { return struct{}{}, c.Catalog.Forget(ctx, epoch, names) })
	return err
}

func (c *faultyCatalog) Latest(ctx context.Context) (meta.Snapshot, error) {
	return ask(c, "latest", func() (meta.Snapshot, error) { return c.Catalog.Latest(ctx) })
}

func (c *faultyCatalog) Segments(ctx context.Context, snapshot int64) ([]meta.Segment, error) {
	return ask(c, "segments", func() ([]meta.Segment, error) { return c.Catalog.Segments(ctx, snapshot) })
}

func (c *faultyCatalog) AllSegments(ctx context.Context) ([]meta.Segment, error) {
	return ask(c, "all segments", func() ([]meta.Segment, error) { return c.Catalog.AllSegments(ctx) })
}

func (c *faultyCatalog) Garbage(ctx context.Context) ([]meta.Garbage, error) {
	return ask(c, "garbage", func() ([]meta.Garbage, error) { return c.Catalog.Garbage(ctx) })
}

func (c *faultyCatalog) Lease(ctx context.Context) (meta.Lease, error) {
	return ask(c, "lease", func() (meta.Lease, error) { return c.Catalog.Lease(ctx) })
}

func (c *faultyCatalog) Generation(ctx context.Context) (int64, error) {
	return ask(c, "generation", func() (int64, error) { return c.Catalog.Generation(ctx) })
}

func (c *faultyCatalog) Edits(ctx context.Context, filter meta.EditFilter) ([]meta.Edit, error) {
	return ask(c, "edits", func() ([]meta.Edit, error) { return c.Catalog.Edits(ctx, filter) })
}

func (c *faultyCatalog) Renew(ctx context.Context, epoch int64, ttl time.Duration) error {
	_, err := do(c, "renew", func() (struct{}, error) { return struct{}{}, c.Catalog.Renew(ctx, epoch, ttl) })
	return err
}
