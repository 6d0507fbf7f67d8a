package backup_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite/sqlitetest"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/backup"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const second = 1_000_000

var always = []columnar.Range{{From: columnar.MinTime, To: columnar.MaxTime}}

func clock() int64 { return time.Now().UnixMicro() }

func options() backup.Options { return backup.Options{Clock: clock, Workers: 2} }

// newPlace returns an empty place.
func newPlace(t testing.TB) backup.Place {
	t.Helper()
	return backup.Place{Bucket: new(object.Memory), Catalog: sqlitetest.New(t, filepath.Join(t.TempDir(), "catalog.db"))}
}

// database is a place with its writer.
type database struct {
	backup.Place
	*store.Store
	series []columnar.Series
}

// open becomes the writer of a place.
func open(t testing.TB, p backup.Place) *database {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{
		Bucket: p.Bucket, Catalog: p.Catalog, LogDir: t.TempDir(), Clock: clock, CompactRate: -1, Keep: time.Microsecond, Grace: time.Microsecond, LeaseTTL: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil && !errors.Is(err, meta.ErrConflict) {
			t.Error(err)
		}
	})
	d := &database{Place: p, Store: s}
	all, err := p.Catalog.Series(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		d.series = append(d.series, all[i].Series)
	}
	return d
}

// filled returns a database with several snapshots, of which one is pinned, edits,
// history and a compaction.
func filled(t testing.TB) *database {
	t.Helper()
	p := newPlace(t)
	high := 2.5
	_, err := p.Catalog.CreateSeries(t.Context(), []meta.Series{
		{Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: 64}}, Name: "plant/a", High: &high, Unit: "°C"},
		{Series: columnar.Series{Type: columnar.Enum, Grid: columnar.Grid{Period: second, BlockLen: 64}}, Name: "plant/b", States: []string{"off", "on"}, Zone: "Europe/Berlin"},
		{Series: columnar.Series{Type: columnar.Text, Grid: columnar.Grid{Period: second, BlockLen: 64}}, Name: "plant/c", Labels: `{"site":"x"}`},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Catalog.SetSetting(t.Context(), "x", "y"); err != nil {
		t.Fatal(err)
	}
	d := open(t, p)
	for round := range 3 {
		d.write(t, int64(round*600), 900)
		d.flush(t)
	}
	if err := p.Catalog.Pin(t.Context(), meta.Pin{Name: "before", Snapshot: d.Snapshot(), Who: "ada", Created: 5}); err != nil {
		t.Fatal(err)
	}
	d.change(t, columnar.Delete, func(e columnar.Editor) error {
		return e.Delete(t.Context(), d.series[0], []columnar.Range{{From: 100 * second, To: 300 * second}})
	})
	d.change(t, columnar.Overwrite, func(e columnar.Editor) error {
		return e.Write(t.Context(), []columnar.Samples{{Series: d.series[0], Times: []int64{5 * second, 900 * second}, Floats: []float64{1e100, math.Copysign(0, -1)}}})
	})
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.write(t, 50, 10)
	d.flush(t)
	return d
}

// write writes n samples of every series from a second on.
func (d *database) write(t testing.TB, from int64, n int) {
	t.Helper()
	in := []columnar.Samples{{Series: d.series[0]}, {Series: d.series[1]}, {Series: d.series[2]}}
	for i := range n {
		at := (from + int64(i)) * second
		for k := range in {
			in[k].Times = append(in[k].Times, at)
			in[k].Status = append(in[k].Status, []columnar.Status{0, 0x40000000, 0x80000000}[i%3])
		}
		in[0].Floats = append(in[0].Floats, float64(i)/3)
		in[1].Ints = append(in[1].Ints, int64(i%2))
		in[2].Texts = append(in[2].Texts, fmt.Sprintf("text %d", i%5))
	}
	if err := d.Append(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func (d *database) flush(t testing.TB) {
	t.Helper()
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (d *database) change(t testing.TB, kind columnar.EditKind, do func(columnar.Editor) error) {
	t.Helper()
	e, err := d.Edit(t.Context(), columnar.EditInfo{Kind: kind, Who: "ada", Reason: "why", Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	if err = do(e); err == nil {
		_, err = e.Commit(t.Context())
	}
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
}

// dump returns all that can be asked of a database: what its catalog has, every
// sample of every kept snapshot, and the history of every series.
func (d *database) dump(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	c, err := d.Place.Catalog.Export(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Series {
		_, _ = fmt.Fprintf(&b, "series %+v\n", c.Series[i].Name)
	}
	_, _ = fmt.Fprintf(&b, "edits %+v\npins %+v\nsettings %v\nsegments %+v\n", c.Edits, c.Pins, c.Settings, c.Segments)
	for _, s := range c.Snapshots {
		_, _ = fmt.Fprintf(&b, "snapshot %+v\n", s)
		if s.Kept {
			d.samples(t, &b, s.ID)
		}
	}
	for _, s := range d.series {
		err := d.History(t.Context(), s, always[0], func(v *columnar.Version) bool {
			_, _ = fmt.Fprintf(&b, "history of %d: %+v %x\n", s.ID, *v, math.Float64bits(v.Float))
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// samples dumps the samples of a snapshot.
func (d *database) samples(t testing.TB, b *strings.Builder, snapshot int64) {
	t.Helper()
	sel := columnar.Selection{Series: d.series, Snapshot: snapshot, Qualities: columnar.AnyQuality, Columns: columnar.ColEditID<<1 - 1}
	for range d.series {
		sel.Ranges = append(sel.Ranges, always)
	}
	stream, err := d.Samples(t.Context(), sel)
	if errors.Is(err, meta.ErrNotFound) {
		_, _ = fmt.Fprintln(b, err) // it was purged
		return
	}
	if err != nil {
		t.Fatalf("snapshot %d: %v", snapshot, err)
	}
	defer func() { _ = stream.Close() }()
	for {
		batch, err := stream.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(batch.NumRows()) {
			for _, column := range batch.Columns() {
				if f, ok := column.(*array.Float64); ok && f.IsValid(i) {
					_, _ = fmt.Fprintf(b, " %x", math.Float64bits(f.Value(i)))
					continue
				}
				_, _ = fmt.Fprintf(b, " %s", column.ValueStr(i))
			}
			b.WriteByte('\n')
		}
		batch.Release()
	}
}

// values returns the values of a series of floats, sample by sample.
func (d *database) values(t testing.TB, series int) (values []float64) {
	t.Helper()
	sel := columnar.Selection{
		Series: d.series[series : series+1], Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality, Columns: columnar.ColEditID<<1 - 1,
	}
	stream, err := d.Samples(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	for {
		batch, err := stream.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return values
		}
		if err != nil {
			t.Fatal(err)
		}
		raw := batch.Column(3).(*array.Float64)
		for i := range raw.Len() {
			values = append(values, raw.Value(i))
		}
		batch.Release()
	}
}

// sound reports what is not sound in a place.
func sound(t testing.TB, p backup.Place) {
	t.Helper()
	v, err := store.Verify(t.Context(), store.VerifyOptions{Bucket: p.Bucket, Catalog: p.Catalog}, func(f store.Finding) { t.Errorf("%+v", f) })
	if err != nil || v.Segments == 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// spoil inverts a byte of an object.
func spoil(t testing.TB, bucket object.Bucket, key string, at int) {
	t.Helper()
	text := objecttest.Read(t, bucket, key)
	text[at] ^= 0xff
	objecttest.Replace(t, bucket, key, text)
}

// goldenJSON is a manifest as the first release wrote it.
const goldenJSON = `{"Format":1,"Taken":1764077400000000,"Snapshot":{"ID":2,"Time":20,"Note":"flush","Edit":0,"Kept":true},"Content":{"ID":"0123","Epoch":3,"NextEdit":2,` +
	`"Series":[{"ID":1,"Type":1,"Grid":{"Period":1000,"BlockLen":64},"Interpolation":0,"Name":"a","Zone":"UTC","Unit":"","Low":null,"High":2.5,"LabelEnd":false,"Codec":"auto","Labels":"{}","Description":"","States":null,"Created":5,"Retention":0}],` +
	`"Snapshots":[{"ID":1,"Time":10,"Note":"flush","Edit":0,"Kept":false},{"ID":2,"Time":20,"Note":"flush","Edit":0,"Kept":true}],` +
	`"Segments":[{"Name":"segments/0000000000000001-00000001.seg","Version":1,"Size":100,"Series":1,"Blocks":1,"Samples":2,"From":0,"To":64000,"CRC":3735928559,"Created":1,"Retired":0,"History":false}],` +
	`"Edits":[{"ID":1,"Snapshot":2,"Time":20,"Kind":2,"Who":"ada","Reason":"r","Source":"s","Inserted":1,"Replaced":3,"Deleted":0,"Ranges":[{"Series":1,"From":0,"To":1000,"Inserted":1,"Replaced":3,"Deleted":0}]}],` +
	`"Pins":null,"Logs":null,"Settings":{"x":"y"}}}`

// golden returns the manifest as it lies in a bucket, and its key.
func golden(t testing.TB) (name string, packed []byte) {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed = encoder.EncodeAll([]byte(goldenJSON), nil)
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	crc := crc32.Checksum(packed, crc32.MakeTable(crc32.Castagnoli))
	return fmt.Sprintf("0123/manifests/20251125T133000.000000Z-000000000002-%08x.json.zst", crc), packed
}
