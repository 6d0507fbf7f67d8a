package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
)

// VerifyOptions say which backups are verified, and how.
type VerifyOptions struct {
	Manifests []string // keys of manifests; none: all in the bucket, and what else is there
	// Catalog makes an empty catalog, which a manifest is put into to be verified as a
	// database is. Verify closes it.
	Catalog func(ctx context.Context) (meta.Catalog, error)
	Workers int // segments that are read at once; 0: one
	// Plan is told how much there is to read, once.
	Plan func(segments int, bytes int64)
	// Read is told of every piece that was read, from several goroutines.
	Read func(bytes int64)
}

// Finding is something that Verify found.
type Finding struct {
	store.Finding        // its Segment is the key of the object
	Manifest      string // key of the one that was verified; empty: of none in particular
	Name          string // of the series
}

// Verified is what Verify has read.
type Verified struct {
	Manifests int
	store.Verified
}

// Verify reads backups as store.Verify reads a database, and calls report for whatever
// is not as it should be: a manifest that is damaged, a segment that is missing, damaged,
// or not what the manifest says of it. Segments that backups share are read once. What
// no manifest names is a note. An error says that not all was verified.
func Verify(ctx context.Context, bucket object.Bucket, o VerifyOptions, report func(Finding)) (Verified, error) {
	v := &verifier{VerifyOptions: o, bucket: bucket, report: report, named: make(map[string]int64)}
	err := v.run(ctx)
	if err != nil {
		err = fmt.Errorf("backup: %w", err)
	}
	return v.result, err
}

// verifier is a verification of backups under way.
type verifier struct {
	VerifyOptions
	bucket object.Bucket
	report func(Finding)
	named  map[string]int64 // objects that manifests name, with their sizes
	result Verified
}

func (v *verifier) run(ctx context.Context) error {
	readable, err := v.manifests(ctx)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, size := range v.named {
		total += size
	}
	if v.Plan != nil {
		v.Plan(len(v.named), total)
	}
	if len(v.Manifests) == 0 {
		if err := v.strangers(ctx); err != nil {
			return err
		}
	}
	done := make(map[string]bool)
	for _, name := range readable {
		if err := v.manifest(ctx, name, done); err != nil {
			return fmt.Errorf("manifest %s: %w", name, err)
		}
	}
	return nil
}

// say reports a finding.
func (v *verifier) say(f Finding) {
	switch {
	case f.Note:
		v.result.Notes++
	case f.Unread:
		v.result.Unread++
	default:
		v.result.Damage++
	}
	v.report(f)
}

// manifests reads the manifests and returns the names of those that can be read.
func (v *verifier) manifests(ctx context.Context) (readable []string, err error) {
	names := v.Manifests
	if len(names) == 0 {
		list, err := List(ctx, v.bucket)
		if err != nil {
			return nil, err
		}
		for _, info := range list {
			names = append(names, info.Name)
		}
	}
	for _, name := range names {
		m, err := load(ctx, v.bucket, name)
		switch {
		case errors.Is(err, columnar.ErrCorrupt) || errors.Is(err, object.ErrNotFound):
			v.say(Finding{Manifest: name, Finding: store.Finding{Err: err}})
			continue
		case errors.Is(err, errFormat):
			v.say(Finding{Manifest: name, Finding: store.Finding{Unread: true, Err: err}})
			continue
		case err != nil:
			return nil, fmt.Errorf("manifest %s: %w", name, err)
		}
		for i := range m.Content.Segments {
			v.named[segmentKey(m.Content.ID, &m.Content.Segments[i])] = m.Content.Segments[i].Size
		}
		readable = append(readable, name)
	}
	return readable, nil
}

// strangers notes what no manifest names.
func (v *verifier) strangers(ctx context.Context) error {
	for info, err := range v.bucket.List(ctx, "") {
		if err != nil {
			return err
		}
		if _, ok := parseName(info.Key); ok {
			continue
		}
		if _, ok := v.named[info.Key]; ok {
			continue
		}
		f := store.Finding{Note: true, Segment: info.Key, Err: fmt.Errorf("no manifest that can be read names this object of %d bytes: a backup was cut short, is under way, or lost its manifest", info.Size)}
		if strings.Contains(info.Key, manifestDir) {
			f.Note, f.Err = false, fmt.Errorf("it lies among the manifests and has not the name of one: %w", columnar.ErrCorrupt)
		}
		v.say(Finding{Finding: f})
	}
	return nil
}

// manifest verifies what a manifest says and the segments that it names, but for those
// that are done.
func (v *verifier) manifest(ctx context.Context, name string, done map[string]bool) (err error) {
	m, err := load(ctx, v.bucket, name)
	if err != nil {
		return err
	}
	c := &m.Content
	keys := make(map[string]string, len(c.Segments))
	c.Segments = slices.DeleteFunc(c.Segments, func(s meta.Segment) bool {
		key := segmentKey(c.ID, &s)
		if done[key] {
			return true
		}
		keys[s.Name], done[key] = key, true
		return false
	})
	catalog, err := v.Catalog(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, catalog.Close()) }()
	if err := catalog.Import(ctx, *c); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.say(Finding{Manifest: name, Finding: store.Finding{Err: fmt.Errorf("no catalog can be made of it: %w", err)}})
		return nil
	}
	names := make(map[int64]string, len(c.Series))
	for i := range c.Series {
		names[c.Series[i].ID] = c.Series[i].Name
	}
	got, err := store.Verify(ctx, store.VerifyOptions{
		Bucket: &backedUp{bucket: v.bucket, keys: keys, named: v.named}, Catalog: catalog, Workers: v.Workers, Read: v.Read,
	}, func(f store.Finding) {
		if key, ok := keys[f.Segment]; ok {
			f.Segment = key
		}
		v.say(Finding{Manifest: name, Name: names[f.Series], Finding: f})
	})
	r := &v.result
	r.Manifests++
	r.Snapshot = max(r.Snapshot, got.Snapshot)
	r.Segments, r.Series, r.Blocks = r.Segments+got.Segments, r.Series+got.Series, r.Blocks+got.Blocks
	r.Samples, r.Bytes = r.Samples+got.Samples, r.Bytes+got.Bytes
	return err
}

// backedUp is the bucket of a database as a backup has it. It is for reading.
type backedUp struct {
	bucket object.Bucket
	keys   map[string]string // of the segments, by name
	named  map[string]int64  // sizes by key
}

var _ object.Bucket = (*backedUp)(nil)

var errReadOnly = errors.New("a backup that is verified is not written to")

// Put implements [object.Bucket].
func (b *backedUp) Put(context.Context, string, object.Condition, func(io.Writer) error) (int64, error) {
	return 0, errReadOnly
}

// Delete implements [object.Bucket].
func (b *backedUp) Delete(context.Context, string) error { return errReadOnly }

// Open implements [object.Bucket].
func (b *backedUp) Open(ctx context.Context, key string) (object.Object, error) {
	at, ok := b.keys[key]
	if !ok {
		return nil, fmt.Errorf("object %s: %w", key, object.ErrNotFound)
	}
	return b.bucket.Open(ctx, at)
}

// Stat implements [object.Bucket].
func (b *backedUp) Stat(ctx context.Context, key string) (object.Info, error) {
	at, ok := b.keys[key]
	if !ok {
		return object.Info{}, fmt.Errorf("object %s: %w", key, object.ErrNotFound)
	}
	info, err := b.bucket.Stat(ctx, at)
	info.Key = key
	return info, err
}

// List implements [object.Bucket].
func (b *backedUp) List(_ context.Context, prefix string) iter.Seq2[object.Info, error] {
	return func(yield func(object.Info, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(b.keys)) {
			if strings.HasPrefix(name, prefix) && !yield(object.Info{Key: name, Size: b.named[b.keys[name]]}, nil) {
				return
			}
		}
	}
}
