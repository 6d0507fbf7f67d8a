package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
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
	// Quick says that a backup believes the objects of earlier ones by name and size.
	Quick bool
	// Unpinned says that a backup does not keep its snapshot by a pin, because the catalog
	// can only be read.
	Unpinned bool
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
	// Damaged are the objects that a backup found damaged, cut or foreign where a segment
	// had to be, and put anew, and the manifests of earlier ones that cannot be read.
	Damaged []Damage `json:",omitempty"`
	// Done says that a restore or a move found its target filled already, by an earlier
	// try of the same.
	Done bool
}

// Damage is an object of a backup that is not what it has to be.
type Damage struct {
	Key  string
	What string
	// Mended says that it was copied again; else it is still damaged.
	Mended bool
}

// copyBuffer is how much of an object is read at once.
const copyBuffer = 4 << 20

// copier copies segments.
type copier struct {
	from, to object.Bucket
	fromKey  func(m *meta.Segment) string
	toKey    func(m *meta.Segment) string
	// mend says that an object of the right name that is not the right one is put anew;
	// else it is an error.
	mend bool
	Options
}

func ownName(m *meta.Segment) string { return m.Name }

// outcome is what became of a segment.
type outcome struct {
	copied bool
	lost   error // the source does not have it
	damage error // what was there was damaged or another object
}

// all copies segments, several at once, and returns what became of each.
func (c *copier) all(ctx context.Context, segments []meta.Segment) ([]outcome, error) {
	total := int64(0)
	for i := range segments {
		total += segments[i].Size
	}
	if c.Plan != nil {
		c.Plan(len(segments), total)
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
func (c *copier) segment(ctx context.Context, m *meta.Segment) (done outcome, err error) {
	there, err := c.isThere(ctx, m)
	switch {
	case err == nil && there:
		return done, nil
	case errors.Is(err, object.ErrNotFound):
		return outcome{lost: err}, nil
	case c.mend && errors.Is(err, columnar.ErrCorrupt):
		done.damage = err
	case errors.Is(err, columnar.ErrCorrupt):
		return done, c.other(m)
	case err != nil:
		return done, err
	}
	o, err := c.from.Open(ctx, c.fromKey(m))
	if errors.Is(err, object.ErrNotFound) {
		return outcome{lost: err}, nil
	}
	if err != nil {
		return done, err
	}
	cond := object.IfAbsent
	if done.damage != nil {
		cond = object.Always
	}
	_, err = c.to.Put(ctx, c.toKey(m), cond, func(w io.Writer) error { return c.compare(ctx, o, m, w) })
	if errors.Is(err, object.ErrExists) {
		if there, err = c.isThere(ctx, m); err == nil && !there {
			err = fmt.Errorf("it was there and is gone again: %w", object.ErrExists)
		} else if errors.Is(err, columnar.ErrCorrupt) {
			err = c.other(m)
		}
	}
	done.copied = err == nil
	return done, errors.Join(err, o.Close())
}

// other is the error about an object in the place of a segment.
func (c *copier) other(m *meta.Segment) error {
	return fmt.Errorf("the target has another object of that name, %s: choose an empty place: %w", c.toKey(m), object.ErrExists)
}

// isThere reports whether the target has the segment. It wraps columnar.ErrCorrupt
// where it has another object of its name, and object.ErrNotFound where the source has
// to be compared with and is not there.
func (c *copier) isThere(ctx context.Context, m *meta.Segment) (bool, error) {
	key := c.toKey(m)
	info, err := c.to.Stat(ctx, key)
	if errors.Is(err, object.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Size != m.Size {
		return false, fmt.Errorf("%w: %d bytes, not %d", columnar.ErrCorrupt, info.Size, m.Size)
	}
	if c.Quick {
		c.moved(m.Size)
		return true, nil
	}
	o, err := c.to.Open(ctx, key)
	if errors.Is(err, object.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	counted := *c
	read := int64(0)
	counted.Moved = func(n int64) { read += n; c.moved(n) }
	if c.mend {
		err = counted.sameBytes(ctx, o, m)
	} else {
		err = counted.compare(ctx, o, m, io.Discard)
	}
	if err != nil {
		c.moved(-read) // it is copied again
	}
	return err == nil, errors.Join(err, o.Close())
}

// sameBytes compares an object of the target with the segment at the source, byte by
// byte: the checksums of two segments of one shape may be the same.
func (c *copier) sameBytes(ctx context.Context, o object.Object, m *meta.Segment) error {
	src, err := c.from.Open(ctx, c.fromKey(m))
	if err != nil {
		return err
	}
	if src.Size() == m.Size {
		err = c.compare(ctx, o, m, &likeness{source: src, buf: make([]byte, min(copyBuffer, m.Size))})
	} else {
		err = fmt.Errorf("source: %d bytes, the catalog says %d: trellis verify finds out more", src.Size(), m.Size)
	}
	return errors.Join(err, src.Close())
}

// likeness is a writer that takes only what an object has at the same place.
type likeness struct {
	source io.ReaderAt
	at     int64
	buf    []byte
}

// Write compares the next bytes.
func (l *likeness) Write(p []byte) (int, error) {
	n, err := l.source.ReadAt(l.buf[:len(p)], l.at)
	if n < len(p) {
		return 0, fmt.Errorf("source: %w", object.NotEnd(err))
	}
	if !bytes.Equal(p, l.buf[:n]) {
		return 0, fmt.Errorf("%w: its bytes are not those of the segment", columnar.ErrCorrupt)
	}
	l.at += int64(n)
	return n, nil
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
	return sameFile(o, m)
}

// sameFile compares the digest of a segment with the catalog's: the checksums of two files
// of one shape may be the same.
func sameFile(o object.Object, m *meta.Segment) error {
	if m.Digest == 0 {
		return nil
	}
	r, err := segment.Open(o, o.Size(), segment.Options{Name: m.Name})
	if err != nil {
		return err
	}
	if have := r.Info().Digest; have != m.Digest {
		return fmt.Errorf("%w: it is another segment: its digest is %016x, the catalog says %016x", columnar.ErrCorrupt, have, m.Digest)
	}
	return nil
}

func (c *copier) moved(n int64) {
	if c.Moved != nil {
		c.Moved(n)
	}
}

// add adds what became of segments.
func (r *Report) add(segments []meta.Segment, outcomes []outcome, toKey func(*meta.Segment) string) {
	r.Segments, r.Bytes = len(segments), 0
	for i := range segments {
		r.Bytes += segments[i].Size
		if outcomes[i].copied {
			r.Copied++
			r.Moved += segments[i].Size
		}
		if d := outcomes[i].damage; d != nil {
			r.Damaged = append(r.Damaged, Damage{Key: toKey(&segments[i]), What: d.Error(), Mended: true})
		}
	}
}
