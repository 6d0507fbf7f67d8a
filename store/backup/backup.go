package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// rounds is how often a backup begins again because the catalog has given up what it
// was about to copy.
const rounds = 8

// PinPrefix begins the names under which backups keep their snapshot while they copy.
const PinPrefix = "backup "

// Write makes a backup of the newest snapshot of a place in a bucket; name is what
// the bucket is called, and who is who wants it. Segments that the bucket has from
// earlier backups are compared with those of the place and not copied again, but where
// they are not the same; the manifests of earlier backups are read. A server may go on writing meanwhile: the
// snapshot is kept by a pin until the backup is whole. Where an earlier backup was
// cut short its pin is taken over.
func Write(ctx context.Context, from Place, to object.Bucket, name, who string, o Options) (r Report, err error) {
	b := &writer{from: from, to: to, pin: PinPrefix + name, who: who, Options: o}
	defer func() { err = errors.Join(err, b.unpin(context.WithoutCancel(ctx))) }()
	for range rounds {
		again, err := b.round(ctx)
		if err != nil {
			return b.report, fmt.Errorf("backup: %w", err)
		}
		if !again {
			return b.report, nil
		}
	}
	return b.report, fmt.Errorf("backup: in each of %d tries a segment was given up before it was copied: keep snapshots for longer, or back up while nothing is purged", rounds)
}

// writer is a backup under way.
type writer struct {
	from   Place
	to     object.Bucket
	pin    string
	who    string
	report Report
	Options
}

// round copies one snapshot. again says that the catalog has given up a part of it.
func (b *writer) round(ctx context.Context) (again bool, err error) {
	snapshot, err := b.keep(ctx)
	if err != nil {
		return false, err
	}
	content, err := b.from.Catalog.Export(ctx)
	if err != nil {
		return false, err
	}
	for i := range content.Edits {
		if e := &content.Edits[i]; e.Kind == columnar.Purge && e.Snapshot > snapshot.ID {
			return true, nil // the backup must not be older than the purge
		}
	}
	trim(&content, snapshot.ID)
	copies := copier{
		from: b.from.Bucket, to: b.to, fromKey: ownName, mend: true, Options: b.Options,
		toKey: func(m *meta.Segment) string { return segmentKey(content.ID, m) },
	}
	outcomes, err := copies.all(ctx, content.Segments)
	if err != nil {
		return false, err
	}
	if whole, err := b.stillKnown(ctx, content.Segments, outcomes); err != nil || !whole {
		return true, err
	}
	b.report.Database, b.report.Snapshot, b.report.Series = content.ID, snapshot.ID, len(content.Series)
	b.report.add(content.Segments, outcomes, copies.toKey)
	if err := b.manifests(ctx, content.ID); err != nil {
		return false, err
	}
	m := Manifest{Format: format, Taken: b.Clock(), Snapshot: snapshot, Content: content}
	b.report.Manifest, err = m.put(ctx, b.to)
	return false, err
}

// manifests reads the manifests of the earlier backups of a database, and notes those
// that are damaged.
func (b *writer) manifests(ctx context.Context, database string) error {
	if b.Quick {
		return nil
	}
	list, err := List(ctx, b.to)
	if err != nil {
		return err
	}
	for _, info := range list {
		if info.Database != database {
			continue
		}
		_, err := load(ctx, b.to, info.Name)
		if errors.Is(err, columnar.ErrCorrupt) {
			b.report.Damaged = append(b.report.Damaged, Damage{Key: info.Name, What: err.Error()})
		} else if err != nil && !errors.Is(err, object.ErrNotFound) && !errors.Is(err, errFormat) {
			return fmt.Errorf("manifest %s: %w", info.Name, err)
		}
	}
	return nil
}

// keep pins the newest snapshot.
func (b *writer) keep(ctx context.Context) (meta.Snapshot, error) {
	if err := b.unpin(ctx); err != nil {
		return meta.Snapshot{}, err
	}
	latest, err := b.from.Catalog.Latest(ctx)
	if err != nil {
		return latest, err
	}
	if latest.ID == 0 {
		return latest, errors.New("there is no snapshot yet: nothing was ever written into a segment")
	}
	if b.Unpinned {
		return latest, nil
	}
	err = b.from.Catalog.Pin(ctx, meta.Pin{Name: b.pin, Snapshot: latest.ID, Who: b.who, Created: b.Clock()})
	return latest, err
}

func (b *writer) unpin(ctx context.Context) error {
	if b.Unpinned {
		return nil
	}
	if err := b.from.Catalog.Unpin(ctx, b.pin); !errors.Is(err, meta.ErrNotFound) {
		return err
	}
	return nil
}

// stillKnown reports whether the catalog knows all segments still, and none was
// missing. One that is missing and known is damage.
func (b *writer) stillKnown(ctx context.Context, segments []meta.Segment, outcomes []outcome) (bool, error) {
	all, err := b.from.Catalog.AllSegments(ctx)
	if err != nil {
		return false, err
	}
	known := make(map[string]uint32, len(all))
	for i := range all {
		known[all[i].Name] = all[i].CRC
	}
	whole := true
	for i := range segments {
		crc, ok := known[segments[i].Name]
		if ok && crc == segments[i].CRC && outcomes[i].lost != nil {
			return false, fmt.Errorf("segment %s is in the catalog and not in the bucket: trellis verify finds out what is damaged: %w", segments[i].Name, outcomes[i].lost)
		}
		whole = whole && ok && crc == segments[i].CRC
	}
	return whole, nil
}

// trim makes of what a catalog holds what it held as of an earlier snapshot that is
// kept, and nothing was purged since. Logs are left out: a place that is filled with
// this must not take an old log for its own.
func trim(c *meta.Content, snapshot int64) {
	c.Logs = nil
	c.Snapshots = slices.DeleteFunc(c.Snapshots, func(s meta.Snapshot) bool { return s.ID > snapshot })
	c.Segments = slices.DeleteFunc(c.Segments, func(m meta.Segment) bool { return m.Created > snapshot })
	for i := range c.Segments {
		if c.Segments[i].Retired > snapshot {
			c.Segments[i].Retired = 0
		}
	}
	c.Edits = slices.DeleteFunc(c.Edits, func(e meta.Edit) bool { return e.Snapshot > snapshot })
	c.Pins = slices.DeleteFunc(c.Pins, func(p meta.Pin) bool {
		return p.Snapshot > snapshot || strings.HasPrefix(p.Name, PinPrefix)
	})
}
