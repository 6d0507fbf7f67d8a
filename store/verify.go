package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store/object"
)

// VerifyOptions say what Verify reads. Bucket and Catalog are needed.
type VerifyOptions struct {
	Bucket  object.Bucket
	Catalog meta.Catalog
	Workers int // segments that are read at once; 0: one
	// Plan is told how many bytes there are to read, once, before the first is.
	Plan func(segments int, bytes int64)
	// Read is told of every piece of a segment that was read, from several goroutines.
	Read func(bytes int64)
}

// Finding is something that Verify found.
type Finding struct {
	Note    bool   // it is not damage, but worth knowing
	Unread  bool   // the place did not let it be read, so nothing is known of it
	Segment string // name; empty: in the catalog itself
	Series  int64  // id; 0: of no series in particular
	Block   int64  // number, where InBlock is set
	InBlock bool   // it is about that block alone
	Err     error  // what it is; errors.Is tells columnar.ErrCorrupt and object.ErrNotFound
}

// Verified is what Verify has read.
type Verified struct {
	Snapshot                                 int64 // that was the newest at the beginning
	Segments, Series, Blocks, Samples, Bytes int64
	Damage                                   int64 // findings of damage
	Unread, Notes                            int64 // the others
}

// Verify reads everything that a catalog knows and calls report, one at a time, for
// whatever is not as it should be. The catalog's rows are those that were written, and
// none is missing; where one is not, the segments that the others name are read all the
// same. Every segment, live, retired or history, is there
// with its size, its checksum and its digest; each of its blocks can be decoded, and its
// summaries, and the nodes above them, are those of its samples bit for bit; the
// catalog's numbers and its series agree with it, the edits that marked samples are
// on the trail, and no version is newer than the segment's. Objects that nothing
// refers to are a note.
//
// It needs no writer and may run beside one: what has changed since Verify began is
// looked at again before it is reported. Segments that were added meanwhile are left
// to the next time. An error says that not all was verified.
func Verify(ctx context.Context, o VerifyOptions, report func(Finding)) (Verified, error) {
	v := &verifier{VerifyOptions: o, report: report, series: make(map[int64]*meta.Series), edits: make(map[int64]bool)}
	var err error
	v.content, err = o.Catalog.Integrity(ctx, func(err error) {
		v.damaged = true
		v.say(Finding{Err: err})
	})
	if err != nil {
		return v.result(), err
	}
	v.index()
	steps := []func(context.Context) error{v.catalog, v.startChecks, v.orphans, v.segments}
	if v.damaged {
		// What is sound of the catalog says which segments there are, if not all of them.
		steps = []func(context.Context) error{v.segments}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return v.result(), err
		}
	}
	return v.result(), nil
}

// verifier is a verification under way.
type verifier struct {
	VerifyOptions
	content meta.Content
	damaged bool // something of the catalog is, so content is not all
	latest  int64
	series  map[int64]*meta.Series
	edits   map[int64]bool
	report  func(Finding)

	mu struct {
		sync.Mutex
		Verified
	}
	read atomic.Int64
}

func (v *verifier) index() {
	for i := range v.content.Series {
		v.series[v.content.Series[i].ID] = &v.content.Series[i]
	}
	for i := range v.content.Edits {
		v.edits[v.content.Edits[i].ID] = true
	}
	if n := len(v.content.Snapshots); n > 0 {
		v.latest = v.content.Snapshots[n-1].ID
	}
	v.mu.Snapshot = v.latest
}

func (v *verifier) result() Verified {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.Bytes = v.read.Load()
	return v.mu.Verified
}

// say reports findings.
func (v *verifier) say(findings ...Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range findings {
		switch {
		case f.Note:
			v.mu.Notes++
		case f.Unread:
			v.mu.Unread++
		default:
			v.mu.Damage++
		}
		v.report(f)
	}
}

// catalogDamage makes a finding about the catalog.
func catalogDamage(format string, args ...any) Finding {
	return Finding{Err: fmt.Errorf("catalog: "+format+": %w", append(args, columnar.ErrCorrupt)...)}
}

// catalog looks at the catalog by itself. It was read as of one moment.
func (v *verifier) catalog(ctx context.Context) error {
	c := &v.content
	kept := make(map[int64]bool)
	for i, s := range c.Snapshots {
		if i > 0 && (s.ID != c.Snapshots[i-1].ID+1 || s.Time < c.Snapshots[i-1].Time) {
			v.say(catalogDamage("snapshot %d of %d follows snapshot %d of %d", s.ID, s.Time, c.Snapshots[i-1].ID, c.Snapshots[i-1].Time))
		}
		kept[s.ID] = s.Kept
	}
	if v.latest > 0 && !kept[v.latest] {
		v.say(catalogDamage("the newest snapshot, %d, is not kept", v.latest))
	}
	for _, p := range c.Pins {
		if !kept[p.Snapshot] {
			v.say(catalogDamage("pin %q holds snapshot %d, which is not kept", p.Name, p.Snapshot))
		}
	}
	for i := range c.Edits {
		e := &c.Edits[i]
		if e.Snapshot < 1 || e.Snapshot > v.latest || e.ID >= c.NextEdit {
			v.say(catalogDamage("edit %d made snapshot %d; the newest is %d, the next edit %d", e.ID, e.Snapshot, v.latest, c.NextEdit))
		}
		for _, r := range e.Ranges {
			if v.series[r.Series] == nil {
				v.say(catalogDamage("edit %d touched series %d, which does not exist", e.ID, r.Series))
			}
		}
	}
	for i := range c.Segments {
		m := &c.Segments[i]
		if m.Created < 1 || m.Created > v.latest || m.Retired != 0 && (m.Retired <= m.Created || m.Retired > v.latest || m.History) || m.Version > m.Created {
			v.say(Finding{Segment: m.Name, Err: fmt.Errorf("catalog: created in snapshot %d, retired in %d, version %d; the newest snapshot is %d: %w",
				m.Created, m.Retired, m.Version, v.latest, columnar.ErrCorrupt)})
		}
	}
	return ctx.Err()
}

// orphans notes the objects that nothing refers to.
func (v *verifier) orphans(ctx context.Context) error {
	var found []object.Info
	for info, err := range v.Bucket.List(ctx, segmentPrefix) {
		if err != nil {
			return err
		}
		found = append(found, info)
	}
	// What the catalog knows is asked after the list was made.
	known, err := v.known(ctx)
	if err != nil {
		return err
	}
	garbage, err := v.Catalog.Garbage(ctx)
	if err != nil {
		return err
	}
	strangers, err := bucketStrangers(ctx, v.Bucket)
	if err != nil && !errors.Is(err, columnar.ErrCorrupt) { // which was said
		return err
	}
	waiting := make(map[string]bool)
	for _, g := range garbage {
		waiting[g.Name] = true
	}
	lease, err := v.Catalog.Lease(ctx)
	if err != nil {
		return err
	}
	for _, info := range found {
		epoch, ours := nameEpoch(info.Key)
		why := "nothing refers to it: trellis gc takes it away"
		switch _, ok := known[info.Key]; {
		case ok || waiting[info.Key]:
			continue
		case !ours:
			why = "it is no segment of Trellis: trellis gc leaves it alone"
		case strangers[info.Key]:
			why = "it was there before the bucket was this database's: trellis gc leaves it alone"
		case epoch > max(lease.Epoch, v.content.Epoch):
			v.say(Finding{Segment: info.Key, Err: fmt.Errorf("the catalog: %w: it does not know this object of writer %d, and its own newest is %d: trellis repair rebuilds it from the bucket", ErrBehind, epoch, lease.Epoch)})
			continue
		case epoch >= lease.Epoch:
			why = "it is being written, or nothing refers to it: trellis gc knows"
		}
		v.say(Finding{Note: true, Segment: info.Key, Err: fmt.Errorf("orphan of %d bytes: %s", info.Size, why)})
	}
	return nil
}

// known returns the segments that the catalog knows now; of one that is damaged, those
// that it knew.
func (v *verifier) known(ctx context.Context) (map[string]meta.Segment, error) {
	all, err := v.content.Segments, error(nil)
	if !v.damaged {
		all, err = v.Catalog.AllSegments(ctx)
	}
	known := make(map[string]meta.Segment, len(all))
	for _, m := range all {
		known[m.Name] = m
	}
	return known, err
}

// segments verifies the segments, several at once.
func (v *verifier) segments(ctx context.Context) error {
	total := int64(0)
	for _, m := range v.content.Segments {
		total += m.Size
	}
	if v.Plan != nil {
		v.Plan(len(v.content.Segments), total)
	}
	inOrder := slices.Clone(v.content.Segments)
	slices.SortFunc(inOrder, func(a, b meta.Segment) int { return cmp.Compare(a.Name, b.Name) })
	tasks := newPipeline(ctx, max(1, v.Workers), func([]Finding) {}, func(_ context.Context, emit func(task[[]Finding]) error) error {
		for i := range inOrder {
			m := &inOrder[i]
			if err := emit(func(ctx context.Context) ([]Finding, error) { return v.segment(ctx, m) }); err != nil {
				return err
			}
		}
		return nil
	})
	defer tasks.close()
	for range inOrder {
		findings, err := tasks.next(ctx)
		if err != nil {
			return err
		}
		v.say(findings...)
	}
	return nil
}

// segment verifies one segment. Where there is something to report it makes sure
// that the catalog has not changed its mind.
func (v *verifier) segment(ctx context.Context, m *meta.Segment) ([]Finding, error) {
	c := segmentCheck{verifier: v, meta: m, unknown: make(map[int64]Finding)}
	if err := c.run(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c.add(Finding{Unread: true, Err: err})
	}
	v.count(c.checked)
	if err := c.trail(ctx); err != nil || len(c.findings) == 0 {
		return nil, err
	}
	known, err := v.known(ctx)
	if err != nil {
		return nil, err
	}
	if now, ok := known[m.Name]; !ok || now.CRC != m.CRC || now.Digest != m.Digest || now.Size != m.Size {
		return nil, nil // it was collected or replaced meanwhile
	}
	return c.findings, nil
}

func (v *verifier) count(c segment.Checked) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.Segments++
	v.mu.Series += c.Series
	v.mu.Blocks += c.Blocks
	v.mu.Samples += c.Samples
}

// segmentCheck is the verification of one segment.
type segmentCheck struct {
	*verifier
	meta     *meta.Segment
	checked  segment.Checked
	findings []Finding
	unknown  map[int64]Finding // edits that marked samples and were not on the trail, with where they were first seen
}

// add adds a finding about the segment.
func (c *segmentCheck) add(f Finding) {
	f.Segment = c.meta.Name
	c.findings = append(c.findings, f)
}

// run reads the segment. Its error is trouble with reading.
func (c *segmentCheck) run(ctx context.Context) (err error) {
	m := c.meta
	o, err := c.Bucket.Open(ctx, m.Name)
	if errors.Is(err, object.ErrNotFound) {
		c.add(Finding{Err: fmt.Errorf("missing from the bucket: %w", err)})
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if o.Size() != m.Size {
		c.add(Finding{Err: fmt.Errorf("%w: it has %d bytes, the catalog says %d", columnar.ErrCorrupt, o.Size(), m.Size)})
	}
	r, err := segment.Open(&countedReader{o, c}, o.Size(), segment.Options{Name: m.Name})
	if errors.Is(err, columnar.ErrCorrupt) {
		c.add(Finding{Err: err})
		return nil
	}
	if err != nil {
		return err
	}
	for _, s := range r.Series() {
		c.checkSeries(s)
	}
	c.checked, err = segment.Check(r, func(x *segment.Index, i int, b *columnar.Block) error {
		c.checkBlock(x, i, b)
		return ctx.Err()
	}, func(d segment.Damage) {
		c.add(Finding{Series: d.Series, Block: d.Block, InBlock: d.InBlock, Err: d.Err})
	})
	if errors.Is(err, columnar.ErrCorrupt) {
		c.add(Finding{Err: err}) // it ends early
		return nil
	}
	if err == nil {
		c.checkNumbers(r)
	}
	return err
}

// checkSeries compares what the footer says of a series with the catalog.
func (c *segmentCheck) checkSeries(s segment.SeriesInfo) {
	if err := compareOne(&s, c.series[s.ID]); err != nil {
		c.add(Finding{Series: s.ID, Err: err})
	}
}

// checkBlock looks at a block's version and at the edits that marked its samples.
func (c *segmentCheck) checkBlock(x *segment.Index, i int, b *columnar.Block) {
	at := Finding{Series: x.Series().ID, Block: x.Block(i), InBlock: true}
	if version := x.Version(i); version > c.meta.Version {
		at.Err = fmt.Errorf("%w: version %d is newer than the segment's, %d", columnar.ErrCorrupt, version, c.meta.Version)
		c.add(at)
	}
	last := int64(0)
	for slot, mark := range b.Marks {
		id := b.Edits[slot]
		if mark == columnar.Unedited || id == last {
			continue
		}
		last = id
		if _, seen := c.unknown[id]; !seen && !c.edits[id] {
			c.unknown[id] = at
		}
	}
}

// checkNumbers compares the catalog's numbers with what was read.
func (c *segmentCheck) checkNumbers(r *segment.Reader) {
	m, got := c.meta, c.checked
	damaged := len(c.findings) > 0
	c.checkDigest(r.Info().Digest)
	if sameSpan(r.Series(), r.Info(), m) {
		got.From, got.To = m.From, m.To
	}
	for _, n := range []struct {
		what       string
		have, want int64
		exact      bool // it can be told although there is damage
	}{
		{"checksum", int64(got.Checksum), int64(m.CRC), true},
		{"series", got.Series, m.Series, true},
		{"blocks", got.Blocks, m.Blocks, true},
		{"samples", got.Samples, m.Samples, false},
		{"first instant", got.From, m.From, true},
		{"last instant", got.To, m.To, true},
	} {
		if n.have != n.want && (n.exact || !damaged) {
			c.add(Finding{Err: fmt.Errorf("%w: %s is %d, the catalog says %d", columnar.ErrCorrupt, n.what, n.have, n.want)})
		}
	}
}

// checkDigest compares the digest with the catalog's, and says whose file it is where
// that is known.
func (c *segmentCheck) checkDigest(have uint64) {
	if have == c.meta.Digest {
		return
	}
	whose := "another file is in its place, or the row is damaged"
	for i := range c.content.Segments {
		if other := &c.content.Segments[i]; have != 0 && other.Digest == have {
			whose = "it is the file of " + other.Name
		}
	}
	c.add(Finding{Err: fmt.Errorf("%w: digest is %s, the catalog says %s: %s", columnar.ErrCorrupt, digestText(have), digestText(c.meta.Digest), whose)})
}

// trail looks again for the edits that were not on the trail.
func (c *segmentCheck) trail(ctx context.Context) error {
	if len(c.unknown) == 0 || c.damaged {
		return nil
	}
	filter := meta.EditFilter{}
	for id := range c.unknown {
		filter.IDs = append(filter.IDs, id)
	}
	slices.Sort(filter.IDs)
	found, err := c.Catalog.Edits(ctx, filter)
	if err != nil {
		return err
	}
	for i := range found {
		delete(c.unknown, found[i].ID)
	}
	for _, id := range filter.IDs {
		if f, ok := c.unknown[id]; ok {
			f.Err = fmt.Errorf("%w: samples are marked by edit %d, which is not on the trail", columnar.ErrCorrupt, id)
			c.add(f)
		}
	}
	return nil
}

// countedReader counts the bytes that are read.
type countedReader struct {
	object.Object
	check *segmentCheck
}

// ReadAt implements io.ReaderAt.
func (r *countedReader) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.Object.ReadAt(p, offset)
	r.check.read.Add(int64(n))
	if r.check.Read != nil {
		r.check.Read(int64(n))
	}
	return n, err
}
