package backup

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// Place is where a database is. Both are closed by their owner.
type Place struct {
	Bucket  object.Bucket
	Catalog meta.Catalog
}

// Options say how to copy.
type Options struct {
	Clock   func() int64 // the present instant; for backups
	Workers int          // segments that are copied at once; 0: one
	// Plan is told how much there is to copy or to compare, whenever that is known anew.
	Plan func(segments int, bytes int64)
	// Moved is told of every piece that was copied or compared, from several goroutines.
	Moved func(bytes int64)
}

// Report says what was done.
type Report struct {
	Manifest string // key; of backups and restores
	Database string // id
	Snapshot int64  // the newest that was copied
	Series   int
	Segments int   // that the copy has
	Bytes    int64 // of them
	Copied   int   // segments that were not there yet
	Moved    int64 // bytes of them
	// Done says that a restore or a move found its target filled already, by an earlier
	// try of the same.
	Done bool
}

// copyBuffer is how much of an object is read at once.
const copyBuffer = 4 << 20

// copier copies segments.
type copier struct {
	from, to object.Bucket
	fromKey  func(m *meta.Segment) string
	toKey    func(m *meta.Segment) string
	// trust says that an object of the right name and size is the right one; else it is
	// read and its checksum compared.
	trust bool
	Options
}

func ownName(m *meta.Segment) string { return m.Name }

// outcome is what became of a segment.
type outcome struct {
	copied bool
	lost   error // the source does not have it
}

// all copies segments, several at once, and returns what became of each.
func (c *copier) all(ctx context.Context, segments []meta.Segment) ([]outcome, error) {
	bytes := int64(0)
	for i := range segments {
		bytes += segments[i].Size
	}
	if c.Plan != nil {
		c.Plan(len(segments), bytes)
	}
	outcomes := make([]outcome, len(segments))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.Workers))
	for i := range segments {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() (err error) {
			if outcomes[i], err = c.segment(ctx, &segments[i]); err != nil {
				return fmt.Errorf("segment %s: %w", segments[i].Name, err)
			}
			return nil
		})
	}
	return outcomes, group.Wait()
}

// segment copies one segment, unless it is there.
func (c *copier) segment(ctx context.Context, m *meta.Segment) (outcome, error) {
	there, err := c.isThere(ctx, m)
	if err != nil || there {
		return outcome{}, err
	}
	o, err := c.from.Open(ctx, c.fromKey(m))
	if errors.Is(err, object.ErrNotFound) {
		return outcome{lost: err}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	_, err = c.to.Put(ctx, c.toKey(m), object.IfAbsent, func(w io.Writer) error { return c.compare(ctx, o, m, w) })
	if errors.Is(err, object.ErrExists) {
		if there, err = c.isThere(ctx, m); err == nil && !there {
			err = fmt.Errorf("it was there and is gone again: %w", object.ErrExists)
		}
	}
	return outcome{copied: err == nil}, errors.Join(err, o.Close())
}

// isThere reports whether the target has the segment. Another object of its name is
// an error.
func (c *copier) isThere(ctx context.Context, m *meta.Segment) (bool, error) {
	key := c.toKey(m)
	info, err := c.to.Stat(ctx, key)
	if errors.Is(err, object.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	other := fmt.Errorf("the target has another object of that name, %s: choose an empty place: %w", key, object.ErrExists)
	if info.Size != m.Size {
		return false, other
	}
	if c.trust {
		c.moved(m.Size)
		return true, nil
	}
	o, err := c.to.Open(ctx, key)
	if err != nil {
		return false, err
	}
	err = c.compare(ctx, o, m, io.Discard)
	if errors.Is(err, columnar.ErrCorrupt) {
		err = other
	}
	return err == nil, errors.Join(err, o.Close())
}

// compare writes an object to w and compares its bytes with what the catalog says of
// the segment.
func (c *copier) compare(ctx context.Context, o object.Object, m *meta.Segment, w io.Writer) error {
	if o.Size() != m.Size {
		return fmt.Errorf("%w: %d bytes, the catalog says %d: trellis verify finds out more", columnar.ErrCorrupt, o.Size(), m.Size)
	}
	buf := make([]byte, min(copyBuffer, m.Size))
	crc := uint32(0)
	for at := int64(0); at < m.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := o.ReadAt(buf[:min(copyBuffer, m.Size-at)], at)
		if err != nil && !(errors.Is(err, io.EOF) && at+int64(n) == m.Size) {
			return err
		}
		crc = crc32.Update(crc, castagnoli, buf[:n])
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		at += int64(n)
		c.moved(int64(n))
	}
	if crc != m.CRC {
		return fmt.Errorf("%w: checksum %08x, the catalog says %08x: trellis verify finds out which block is damaged", columnar.ErrCorrupt, crc, m.CRC)
	}
	return nil
}

func (c *copier) moved(n int64) {
	if c.Moved != nil {
		c.Moved(n)
	}
}

// add adds what became of segments.
func (r *Report) add(segments []meta.Segment, outcomes []outcome) {
	r.Segments, r.Bytes = len(segments), 0
	for i := range segments {
		r.Bytes += segments[i].Size
		if outcomes[i].copied {
			r.Copied++
			r.Moved += segments[i].Size
		}
	}
}
