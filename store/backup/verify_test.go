package backup_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite/sqlitetest"
	"github.com/trellisdb/trellis/store/backup"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// backedUp returns a database and a bucket with two backups of it.
func backedUp(t *testing.T) (d *database, target *object.Memory, first, second backup.Report) {
	t.Helper()
	d, target = filled(t), new(object.Memory)
	first = write(t, d, target, options())
	d.write(t, 100_000, 50)
	d.flush(t)
	return d, target, first, write(t, d, target, options())
}

func write(t *testing.T, d *database, target object.Bucket, o backup.Options) backup.Report {
	t.Helper()
	r, err := backup.Write(t.Context(), d.Place, target, "target", "ada", o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verify returns the findings about backups.
func verify(t *testing.T, bucket object.Bucket, manifests ...string) (backup.Verified, []backup.Finding) {
	t.Helper()
	var found []backup.Finding
	v, err := backup.Verify(t.Context(), bucket, backup.VerifyOptions{
		Manifests: manifests, Workers: 2,
		Catalog: func(context.Context) (meta.Catalog, error) {
			return sqlitetest.New(t, filepath.Join(t.TempDir(), "catalog.db")), nil
		},
	}, func(f backup.Finding) { found = append(found, f) })
	if err != nil {
		t.Fatal(err)
	}
	return v, found
}

// keys returns the keys of the objects of a kind.
func keys(t *testing.T, bucket object.Bucket, kind string) (list []string) {
	t.Helper()
	for info, err := range bucket.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(info.Key, kind) {
			list = append(list, info.Key)
		}
	}
	return list
}

func TestABackupMendsWhatIsDamagedCutOrForeignInAnEarlierOne(t *testing.T) {
	t.Parallel()
	d, target, _, second := backedUp(t)
	for _, test := range []struct {
		name  string
		spoil func(text []byte) []byte
	}{
		{"a bit that was flipped", func(text []byte) []byte { text[len(text)/3] ^= 4; return text }},
		{"a file that was cut", func(text []byte) []byte { return text[:len(text)/2] }},
		{"an empty file", func([]byte) []byte { return nil }},
		{"a file that is too long", func(text []byte) []byte { return append(text, 0) }},
		{"zeros", func(text []byte) []byte { return make([]byte, len(text)) }},
	} {
		for i, key := range keys(t, target, "/segments/") {
			if i > 1 && test.name != "zeros" {
				break
			}
			want := objecttest.Read(t, target, key)
			objecttest.Replace(t, target, key, test.spoil(slices.Clone(want)))
			r := write(t, d, target, options())
			if r.Copied != 1 || len(r.Damaged) != 1 || r.Damaged[0].Key != key || !r.Damaged[0].Mended || r.Segments != second.Segments {
				t.Errorf("%s in %s: %+v", test.name, key, r)
			}
			if !bytes.Equal(objecttest.Read(t, target, key), want) {
				t.Errorf("%s in %s: it is damaged still", test.name, key)
			}
		}
	}
	if v, found := verify(t, target); v.Damage > 0 || v.Notes > 0 {
		t.Errorf("%+v", found)
	}
}

func TestSegmentsOfOneShapeThatWereSwappedInABackupAreCopiedAgain(t *testing.T) {
	t.Parallel()
	d := open(t, newPlace(t))
	_, err := d.Place.Catalog.CreateSeries(t.Context(), []meta.Series{{Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: 64}}, Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	s := columnar.Series{ID: 1, Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: 64}}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2 { // the same slots, so of two segments the sizes, and perhaps the checksums, are the same
		in := columnar.Samples{Series: s}
		for i := range int64(64) {
			in.Times, in.Floats = append(in.Times, i*second), append(in.Floats, random.NormFloat64())
		}
		if err := d.Append(t.Context(), []columnar.Samples{in}); err != nil {
			t.Fatal(err)
		}
		d.flush(t)
	}
	target := new(object.Memory)
	write(t, d, target, options())
	list := keys(t, target, "/segments/")
	one, other := objecttest.Read(t, target, list[0]), objecttest.Read(t, target, list[1])
	objecttest.Replace(t, target, list[0], other)
	objecttest.Replace(t, target, list[1], one)
	if r := write(t, d, target, options()); r.Copied != 2 || len(r.Damaged) != 2 {
		t.Errorf("%+v", r)
	}
	if !bytes.Equal(objecttest.Read(t, target, list[0]), one) || !bytes.Equal(objecttest.Read(t, target, list[1]), other) {
		t.Error("they are swapped still")
	}
}

func TestAQuickBackupBelievesNameAndSize(t *testing.T) {
	t.Parallel()
	d, target, _, _ := backedUp(t)
	list := keys(t, target, "/segments/")
	spoil(t, target, list[0], 100)
	objecttest.Replace(t, target, list[1], []byte("short"))
	o := options()
	o.Quick = true
	if r := write(t, d, target, o); r.Copied != 1 || len(r.Damaged) != 1 || r.Damaged[0].Key != list[1] {
		t.Errorf("%+v", r)
	}
}

func TestDamageAtTheSourceIsNotPutOverASoundBackup(t *testing.T) {
	t.Parallel()
	d, target, _, _ := backedUp(t)
	victim := d.Segments()[0].Name
	var key string
	for _, k := range keys(t, target, victim) {
		key = k
	}
	want := objecttest.Read(t, target, key)
	spoil(t, d.Bucket, victim, 100)
	_, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), victim) {
		t.Errorf("%v", err)
	}
	if !bytes.Equal(objecttest.Read(t, target, key), want) {
		t.Error("the backup has changed")
	}
}

func TestADamagedManifestOfAnEarlierBackupIsAFinding(t *testing.T) {
	t.Parallel()
	d, target, first, _ := backedUp(t)
	spoil(t, target, first.Manifest, 40)
	r := write(t, d, target, options())
	if r.Copied != 0 || len(r.Damaged) != 1 || r.Damaged[0].Key != first.Manifest || r.Damaged[0].Mended {
		t.Errorf("%+v", r)
	}
}

// TestEveryFlipInABackupIsFound inverts bytes of every object, one after the other.
func TestEveryFlipInABackupIsFound(t *testing.T) {
	t.Parallel()
	_, target, first, second := backedUp(t)
	v, found := verify(t, target)
	if v.Manifests != 2 || v.Segments < 4 || v.Blocks == 0 || v.Samples == 0 || v.Bytes == 0 || len(found) > 0 {
		t.Errorf("%+v, %+v", v, found)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, key := range keys(t, target, "") {
		text := objecttest.Read(t, target, key)
		for range 2 {
			spoil(t, target, key, random.IntN(len(text)))
			v, found := verify(t, target)
			if v.Damage == 0 {
				t.Errorf("%s: %+v, %+v", key, v, found)
			}
			for _, f := range found {
				if f.Segment != key && f.Manifest != key && !f.Note {
					t.Errorf("%s is damaged, and there is a finding on %+v", key, f)
				}
			}
			objecttest.Replace(t, target, key, text)
		}
	}
	// One backup alone is not concerned with the other.
	spoil(t, target, second.Manifest, 30)
	if v, found := verify(t, target, first.Manifest); v.Manifests != 1 || len(found) > 0 {
		t.Errorf("%+v, %+v", v, found)
	}
}

func TestWhatIsMissingOrInNoManifestIsFound(t *testing.T) {
	t.Parallel()
	_, target, _, second := backedUp(t)
	gone := keys(t, target, "/segments/")[0]
	if err := target.Delete(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	objecttest.Replace(t, target, "0123/segments/left-over", []byte("x"))
	v, found := verify(t, target)
	if v.Damage != 1 || v.Notes != 1 || len(found) != 2 {
		t.Fatalf("%+v, %+v", v, found)
	}
	if f := found[0]; !f.Note || f.Segment != "0123/segments/left-over" {
		t.Errorf("%+v", f)
	}
	if f := found[1]; f.Segment != gone || !errors.Is(f.Err, object.ErrNotFound) || f.Manifest == "" {
		t.Errorf("%+v", f)
	}
	if err := target.Delete(t.Context(), second.Manifest); err != nil {
		t.Fatal(err)
	}
	if v, _ := verify(t, target, second.Manifest); v.Damage != 1 || v.Manifests != 0 {
		t.Errorf("a manifest that is not there: %+v", v)
	}
}
