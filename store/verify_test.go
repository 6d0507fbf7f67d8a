package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// verifyAll verifies what a bucket and a catalog have.
func verifyAll(t testing.TB, bucket object.Bucket, catalog meta.Catalog) (store.Verified, []store.Finding) {
	t.Helper()
	var findings []store.Finding
	v, err := store.Verify(t.Context(), store.VerifyOptions{Bucket: bucket, Catalog: catalog, Workers: 2}, func(f store.Finding) {
		findings = append(findings, f)
	})
	if err != nil {
		t.Fatal(err)
	}
	return v, findings
}

// edited makes a database with edits, history, a compaction and a late flush.
func edited(t *testing.T) (*database, []columnar.Series) {
	d := newDatabase(t)
	d.options.CompactRate = -1
	d.open(t)
	series := []columnar.Series{
		d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64}),
		d.create(t, "b", columnar.Text, columnar.Grid{Period: second, BlockLen: 64}),
	}
	for round := range 3 {
		in := []columnar.Samples{{Series: series[0]}, {Series: series[1]}}
		for i := range 5000 {
			at := int64(i+round*4000) * second
			in[0].Times = append(in[0].Times, at)
			in[0].Floats = append(in[0].Floats, float64(i%97)/8)
			in[0].Status = append(in[0].Status, []columnar.Status{0, 0, 0x40000000, 0x80000000}[i%4])
			if i%10 == 0 {
				in[1].Times = append(in[1].Times, at)
				in[1].Texts = append(in[1].Texts, fmt.Sprintf("state %d", i%7))
			}
		}
		d.append(t, in...)
		d.flush(t)
	}
	d.change(t, columnar.Delete, func(e columnar.Editor) error {
		return e.Delete(t.Context(), series[0], []columnar.Range{{From: 100 * second, To: 300 * second}})
	})
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.change(t, columnar.Overwrite, func(e columnar.Editor) error {
		return e.Write(t.Context(), []columnar.Samples{{Series: series[0], Times: []int64{5 * second, 9000 * second}, Floats: []float64{1, 2}}})
	})
	return d, series
}

// change makes an edit.
func (d *database) change(t testing.TB, kind columnar.EditKind, do func(columnar.Editor) error) {
	t.Helper()
	e, err := d.Edit(context.Background(), columnar.EditInfo{Kind: kind, Who: "ada", Reason: "test", Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	err = do(e)
	if err == nil {
		_, err = e.Commit(context.Background())
	}
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestASoundDatabaseWithEditsAndHistoryIsFoundSound(t *testing.T) {
	t.Parallel()
	d, series := edited(t)
	v, findings := verifyAll(t, d.bucket, d.catalog)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	all, err := d.catalog.AllSegments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	samples, bytes, history := int64(0), int64(0), 0
	for _, m := range all {
		samples += m.Samples
		bytes += m.Size
		if m.History {
			history++
		}
	}
	if history == 0 || v.Segments != int64(len(all)) || v.Samples != samples || v.Bytes < bytes || v.Snapshot != d.Snapshot() {
		t.Errorf("%+v of %d segments with %d samples in %d bytes, %d of history", v, len(all), samples, bytes, history)
	}
	counts, err := store.Count(t.Context(), d.bucket, d.catalog)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range series {
		got := readSamples(t, d.Store, columnar.Selection{Series: series[i : i+1], Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality})
		if counts[s.ID] != int64(len(got)) || len(got) == 0 {
			t.Errorf("series %d: counted %d samples, %d are read", s.ID, counts[s.ID], len(got))
		}
	}
}

func TestAFlippedBitInAnyByteIsFoundAndTheBlockIsNamed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	in := columnar.Samples{Series: s}
	for i := range 64 * 5 {
		in.Times = append(in.Times, int64(i)*second)
		in.Floats = append(in.Floats, float64(i%13)/4)
	}
	d.append(t, in)
	d.flush(t)
	m := d.Segments()[0]
	sound := objecttest.Read(t, d.bucket, m.Name)
	r, err := segment.Open(strings.NewReader(string(sound)), m.Size, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := r.Index(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	for at := range sound {
		damaged := slices.Clone(sound)
		damaged[at] ^= 1 << (at % 8)
		objecttest.Replace(t, d.bucket, m.Name, damaged)
		_, findings := verifyAll(t, d.bucket, d.catalog)
		named := 0
		for _, f := range findings {
			if f.Note || f.Segment != m.Name || !errors.Is(f.Err, columnar.ErrCorrupt) {
				t.Fatalf("byte %d: %+v", at, f)
			}
			if f.InBlock {
				named++
				if e := x.Entry(int(f.Block)); f.Series != s.ID || int64(at) < e.Offset || int64(at) >= e.Offset+e.Length {
					t.Errorf("byte %d is not in block %d, which is named", at, f.Block)
				}
			}
		}
		last := x.Entry(x.Len() - 1)
		if inBlocks := int64(at) >= x.Entry(0).Offset && int64(at) < last.Offset+last.Length; len(findings) == 0 || (named == 1) != inBlocks {
			t.Errorf("byte %d: %v", at, findings)
		}
	}
}

// lying is a catalog that says something else of its content.
type lying struct {
	meta.Catalog
	lie func(c *meta.Content)
}

func (l lying) Export(ctx context.Context) (meta.Content, error) {
	c, err := l.Catalog.Export(ctx)
	l.lie(&c)
	return c, err
}

func (l lying) Integrity(ctx context.Context, _ func(error)) (meta.Content, error) {
	return l.Export(ctx)
}

func (l lying) AllSegments(ctx context.Context) ([]meta.Segment, error) {
	c, err := l.Export(ctx)
	return c.Segments, err
}

func (l lying) Edits(ctx context.Context, filter meta.EditFilter) ([]meta.Edit, error) {
	c, err := l.Export(ctx)
	return slices.DeleteFunc(c.Edits, func(e meta.Edit) bool { return !slices.Contains(filter.IDs, e.ID) }), err
}

func TestACatalogThatLiesIsFound(t *testing.T) {
	t.Parallel()
	d, series := edited(t)
	history := func(c *meta.Content) int {
		return slices.IndexFunc(c.Segments, func(m meta.Segment) bool { return m.History })
	}
	for _, test := range []struct {
		name string
		lie  func(c *meta.Content)
		want string
	}{
		{"a checksum", func(c *meta.Content) { c.Segments[0].CRC ^= 1 }, "checksum is"},
		{"a digest", func(c *meta.Content) { c.Segments[0].Digest ^= 1 << 63 }, "digest is"},
		{"a digest that is gone", func(c *meta.Content) { c.Segments[0].Digest = 0 }, "the catalog says none"},
		{"names of two segments exchanged", func(c *meta.Content) {
			c.Segments[0].Name, c.Segments[1].Name = c.Segments[1].Name, c.Segments[0].Name
		}, "it is the file of segments/"},
		{"a size", func(c *meta.Content) { c.Segments[0].Size++ }, "bytes, the catalog says"},
		{"a number of series", func(c *meta.Content) { c.Segments[0].Series++ }, "series is 2, the catalog says 3"},
		{"a number of blocks", func(c *meta.Content) { c.Segments[0].Blocks-- }, "blocks is"},
		{"a number of samples", func(c *meta.Content) { c.Segments[0].Samples-- }, "samples is"},
		{"a beginning", func(c *meta.Content) { c.Segments[0].From++ }, "first instant is"},
		{"an end", func(c *meta.Content) { c.Segments[0].To++ }, "last instant is"},
		{"a segment that is not there", func(c *meta.Content) { c.Segments[0].Name = "segments/0000000000000001-0000ffff.seg" }, "missing from the bucket"},
		{"history that is not there", func(c *meta.Content) { c.Segments[history(c)].Name = "segments/0000000000000001-0000ffff.seg" }, "missing from the bucket"},
		{"a version older than its blocks", func(c *meta.Content) {
			for i := range c.Segments {
				c.Segments[i].Version = 0
			}
		}, "is newer than the segment's, 0"},
		{"a version newer than its snapshot", func(c *meta.Content) { c.Segments[0].Version = 1000 }, "version 1000"},
		{"a snapshot that was never made", func(c *meta.Content) { c.Segments[0].Created = 1000 }, "created in snapshot 1000"},
		{"a grid", func(c *meta.Content) { c.Series[0].Grid.Period *= 2 }, "a sample every 1000000 µs"},
		{"a type", func(c *meta.Content) { c.Series[0].Type = columnar.Float }, "it has the series as double"},
		{"a series that does not exist", func(c *meta.Content) { c.Series = c.Series[1:] }, "does not know the series"},
		{"an edit that is not on the trail", func(c *meta.Content) { c.Edits = c.Edits[1:] }, "which is not on the trail"},
		{"an edit of a later snapshot", func(c *meta.Content) { c.Edits[0].Snapshot = 1000 }, "edit 1 made snapshot 1000"},
		{"a snapshot that is missing", func(c *meta.Content) { c.Snapshots = slices.Delete(c.Snapshots, 1, 2) }, "follows snapshot"},
		{"a pin of a snapshot that is not kept", func(c *meta.Content) { c.Pins = append(c.Pins, meta.Pin{Name: "p", Snapshot: 1000}) }, `pin "p"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, findings := verifyAll(t, d.bucket, lying{d.catalog, test.lie})
			if !slices.ContainsFunc(findings, func(f store.Finding) bool { return !f.Note && strings.Contains(f.Err.Error(), test.want) }) {
				t.Errorf("%d findings: %.300v", len(findings), findings)
			}
		})
	}
	if _, findings := verifyAll(t, d.bucket, lying{d.catalog, func(*meta.Content) {}}); len(findings) > 0 || len(series) == 0 {
		t.Errorf("without a lie: %v", findings)
	}
}

func TestSummariesThatAreNotThoseOfTheSamplesAreFound(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 4})
	b := columnar.Block{First: 8, Len: 4, Kind: columnar.Floats, Floats: []float64{1, 2, 3, 4}}
	encoded, err := columnar.AppendBlock(nil, &b, codec.Auto, s)
	if err != nil {
		t.Fatal(err)
	}
	sums := columnar.SummarizeAll(&b)
	sums.Good.Max = 5
	const name = "segments/0000000000000001-00000077.seg"
	var info segment.Info
	_, err = d.bucket.Put(t.Context(), name, object.IfAbsent, func(w io.Writer) (err error) {
		out := segment.NewWriter(w)
		if err = out.AddEncoded(s, 2, encoded, &sums); err == nil {
			info, err = out.Finish()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.catalog.Commit(t.Context(), meta.Commit{Epoch: d.Stats().Epoch, Time: clock(), Add: []meta.Segment{{
		Name: name, Size: info.Size, Series: 1, Blocks: 1, Samples: 4, From: info.From, To: info.To, CRC: info.Checksum, Digest: info.Digest,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	_, findings := verifyAll(t, d.bucket, d.catalog)
	if len(findings) != 1 || findings[0].Segment != name || findings[0].Series != s.ID || findings[0].Block != 2 || !findings[0].InBlock ||
		!strings.Contains(findings[0].Err.Error(), "the summaries are not those of the samples") {
		t.Errorf("%+v", findings)
	}
}

func TestObjectsThatNothingRefersToAreNotes(t *testing.T) {
	t.Parallel()
	d, _ := edited(t)
	for _, name := range []string{"segments/0000000000000000-00000001.seg", "segments/ffff.seg", "segments/0000000000000001-0000ffff.seg"} {
		objecttest.Replace(t, d.bucket, name, []byte("x"))
	}
	v, findings := verifyAll(t, d.bucket, d.catalog)
	if v.Damage != 0 || v.Notes != 3 || len(findings) != 3 || !findings[0].Note {
		t.Errorf("%+v: %v", v, findings)
	}
}

func TestWhatCannotBeReadIsToldAndTheRestIsVerified(t *testing.T) {
	t.Parallel()
	d, _ := edited(t)
	victim := d.Segments()[0].Name
	trouble := errors.New("input/output error")
	faulty := &objecttest.Faulty{Bucket: d.bucket, Fail: func(op objecttest.Op, key string) error {
		if op == objecttest.OpRead && key == victim {
			return trouble
		}
		return nil
	}}
	v, findings := verifyAll(t, faulty, d.catalog)
	if len(findings) != 1 || !findings[0].Unread || findings[0].Segment != victim || !errors.Is(findings[0].Err, trouble) || v.Damage != 0 || v.Unread != 1 || v.Samples == 0 {
		t.Errorf("%+v: %v", v, findings)
	}
}

// A server that flushes, edits, compacts, expires and deletes all the time looks
// sound all the time.
func TestADatabaseThatChangesMeanwhileIsFoundSound(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.CompactRate, d.options.Keep, d.options.Grace = -1, time.Microsecond, time.Microsecond
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	var stop atomic.Bool
	written := make(chan error, 1)
	go func() {
		written <- func() error {
			for i := range 1000 {
				if stop.Load() {
					return nil
				}
				at := int64(i*37%2000) * second
				if err := d.Append(context.Background(), []columnar.Samples{{Series: s, Times: []int64{at, at + 500*second}, Floats: []float64{1, 2}}}); err != nil {
					return err
				}
				if err := d.Flush(context.Background()); err != nil {
					return err
				}
				if i%5 == 4 {
					if err := d.Compact(context.Background()); err != nil {
						return err
					}
				}
				if _, err := d.Collect(context.Background(), false); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	for range 60 {
		v, findings := verifyAll(t, d.bucket, d.catalog)
		if v.Damage+v.Unread > 0 {
			t.Errorf("%v", findings)
		}
	}
	stop.Store(true)
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}
