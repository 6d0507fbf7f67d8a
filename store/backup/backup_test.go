package backup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta/postgres"
	"github.com/trellisdb/trellis/meta/postgres/postgrestest"
	"github.com/trellisdb/trellis/store/backup"
	"github.com/trellisdb/trellis/store/object"
	"github.com/trellisdb/trellis/store/object/objecttest"
	"github.com/trellisdb/trellis/store/object/s3/s3test"
)

func TestABackupIsRestoredWithAllSamplesSnapshotsAndHistory(t *testing.T) {
	t.Parallel()
	d := filled(t)
	want := d.dump(t)
	target := new(object.Memory)
	made, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if err != nil {
		t.Fatal(err)
	}
	if made.Segments == 0 || made.Copied != made.Segments || made.Snapshot != d.Snapshot() {
		t.Errorf("%+v", made)
	}
	if pins, err := d.Place.Catalog.Pins(t.Context()); err != nil || len(pins) != 1 || pins[0].Name != "before" {
		t.Errorf("pins %v, %v", pins, err)
	}
	fresh := newPlace(t)
	r, err := backup.Restore(t.Context(), target, made.Manifest, fresh, options())
	if err != nil {
		t.Fatal(err)
	}
	if r.Copied != made.Segments || r.Bytes != made.Bytes || r.Done {
		t.Errorf("%+v, the backup is %+v", r, made)
	}
	sound(t, fresh)
	if have := open(t, fresh).dump(t); have != want {
		t.Errorf("%s", firstDifference(want, have))
	}
}

func TestASecondBackupCopiesWhatIsNew(t *testing.T) {
	t.Parallel()
	d := filled(t)
	target := new(object.Memory)
	first, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if err != nil {
		t.Fatal(err)
	}
	before := d.dump(t)
	d.write(t, 100_000, 50)
	d.flush(t)
	second, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if err != nil {
		t.Fatal(err)
	}
	if second.Copied != 1 || second.Segments != first.Segments+1 {
		t.Errorf("%+v after %+v", second, first)
	}
	list, err := backup.List(t.Context(), target)
	if err != nil || len(list) != 2 || list[0].Name != first.Manifest || list[1].Name != second.Manifest || list[1].Snapshot != second.Snapshot {
		t.Errorf("%+v, %v", list, err)
	}
	old := newPlace(t)
	if _, err := backup.Restore(t.Context(), target, first.Manifest, old, options()); err != nil {
		t.Fatal(err)
	}
	if have := open(t, old).dump(t); have != before {
		t.Errorf("the first backup: %s", firstDifference(before, have))
	}
}

func TestABackupMadeWhileAWriterWritesIsOneOfItsSnapshots(t *testing.T) {
	t.Parallel()
	d := filled(t)
	var stop atomic.Bool
	ended := make(chan error, 1)
	go func() {
		ended <- func() error {
			for i := 0; !stop.Load(); i++ {
				// The present end and what follows it 300 s later change together.
				in := columnar.Samples{Series: d.series[0], Times: []int64{int64(i) * second, int64(i+300) * second}, Floats: []float64{float64(i), -1}}
				err := d.Append(context.Background(), []columnar.Samples{in})
				if err == nil {
					err = d.Flush(context.Background())
				}
				if err == nil && i%4 == 3 {
					err = d.Compact(context.Background())
				}
				if err == nil {
					_, err = d.Collect(context.Background(), false) // nothing old is kept, and deleted at once
				}
				if err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	target := new(object.Memory)
	for range 20 {
		made, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
		if err != nil {
			t.Fatal(err)
		}
		fresh := newPlace(t)
		if _, err := backup.Restore(t.Context(), target, made.Manifest, fresh, options()); err != nil {
			t.Fatal(err)
		}
		sound(t, fresh)
		values := open(t, fresh).values(t, 0)
		end := 0
		for values[end] == float64(end) {
			end++
		}
		late := 0
		for _, v := range values {
			if v == -1 {
				late++
			}
		}
		if end > 1 && late != min(end, 300) {
			t.Errorf("the backup has %d writes of the end and %d of what follows it", end, late)
		}
	}
	stop.Store(true)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// errKilled is what a process that is killed sees of it.
var errKilled = errors.New("killed")

// killAt makes a bucket fail for good from its n-th step on.
func killAt(b object.Bucket, n int64) (killed object.Bucket, steps *atomic.Int64) {
	steps = new(atomic.Int64)
	return &objecttest.Faulty{Bucket: b, Fail: func(objecttest.Op, string) error {
		if steps.Add(1) > n {
			return errKilled
		}
		return nil
	}}, steps
}

func TestABackupCutShortAtAnyStepIsGoneOnWith(t *testing.T) {
	t.Parallel()
	d := filled(t)
	want := d.dump(t)
	target := new(object.Memory)
	for n := int64(0); ; n += 1 + n/10 { // each that is cut short behind its manifest leaves one more to read
		killed, _ := killAt(target, n)
		made, err := backup.Write(t.Context(), d.Place, killed, "target", "ada", options())
		if errors.Is(err, errKilled) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n < 10 || made.Copied > 1 {
			t.Errorf("whole after %d steps, %+v", n, made)
		}
		fresh := newPlace(t)
		if _, err := backup.Restore(t.Context(), target, made.Manifest, fresh, options()); err != nil {
			t.Fatal(err)
		}
		if have := open(t, fresh).dump(t); have != want {
			t.Error(firstDifference(want, have))
		}
		return
	}
}

func TestAMoveCutShortAtAnyStepIsGoneOnWith(t *testing.T) {
	t.Parallel()
	d := filled(t)
	want := d.dump(t)
	fresh := newPlace(t)
	for n := int64(0); ; n++ {
		killed, _ := killAt(fresh.Bucket, n)
		r, err := backup.Move(t.Context(), d.Place, backup.Place{Bucket: killed, Catalog: fresh.Catalog}, options())
		if errors.Is(err, errKilled) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n < 10 || !r.Done || r.Copied != 0 {
			t.Errorf("whole after %d steps, %+v", n, r)
		}
		if have := open(t, fresh).dump(t); have != want {
			t.Error(firstDifference(want, have))
		}
		return
	}
}

func TestDamageAtTheSourceIsNotCopied(t *testing.T) {
	t.Parallel()
	d := filled(t)
	victim := d.Segments()[0].Name
	spoil(t, d.Bucket, victim, 100)
	target := new(object.Memory)
	_, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if !errors.Is(err, columnar.ErrCorrupt) || !strings.Contains(err.Error(), victim) {
		t.Errorf("a backup of damage: %v", err)
	}
	if list, err := backup.List(t.Context(), target); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if err := d.Bucket.Delete(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	_, err = backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if !errors.Is(err, object.ErrNotFound) || !strings.Contains(err.Error(), victim) {
		t.Errorf("a backup without a segment: %v", err)
	}
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	d := filled(t)
	target := new(object.Memory)
	made, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if err != nil {
		t.Fatal(err)
	}
	segments := 0
	for info, err := range target.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		sound := objecttest.Read(t, target, info.Key)
		spoil(t, target, info.Key, len(sound)/2)
		fresh := newPlace(t)
		if _, err := backup.Restore(t.Context(), target, made.Manifest, fresh, options()); !errors.Is(err, columnar.ErrCorrupt) {
			t.Errorf("%s is damaged: %v", info.Key, err)
		}
		if latest, err := fresh.Catalog.Latest(t.Context()); err != nil || latest.ID != 0 {
			t.Errorf("%s is damaged, and there is snapshot %d, %v", info.Key, latest.ID, err)
		}
		objecttest.Replace(t, target, info.Key, sound)
		segments++
	}
	if segments < 4 {
		t.Errorf("%d objects", segments)
	}
}

func TestATargetThatHoldsSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	d := filled(t)
	target := new(object.Memory)
	made, err := backup.Write(t.Context(), d.Place, target, "target", "ada", options())
	if err != nil {
		t.Fatal(err)
	}
	restore := func(to backup.Place) error {
		_, err := backup.Restore(t.Context(), target, made.Manifest, to, options())
		return err
	}
	other := filled(t)
	other.write(t, 5_000, 10)
	other.flush(t)
	if err := restore(other.Place); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("another database: %v", err)
	}
	if err := restore(backup.Place{Bucket: other.Bucket, Catalog: newPlace(t).Catalog}); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("the bucket of another database: %v", err)
	}
	stray := newPlace(t)
	objecttest.Replace(t, stray.Bucket, "segments/other", []byte("x"))
	if err := restore(stray); !errors.Is(err, backup.ErrNotEmpty) || !strings.Contains(err.Error(), "segments/other") {
		t.Errorf("a stray object: %v", err)
	}
	used := newPlace(t)
	if err := used.Catalog.SetSetting(t.Context(), "keep_snapshots", "1"); err != nil {
		t.Fatal(err)
	}
	if err := restore(used); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("a catalog with a setting: %v", err)
	}
	same := newPlace(t)
	for _, m := range d.Segments() {
		objecttest.Replace(t, same.Bucket, m.Name, make([]byte, m.Size))
	}
	if err := restore(same); !errors.Is(err, object.ErrExists) {
		t.Errorf("objects of the same name and size: %v", err)
	}
	if !slices.Equal(objecttest.Read(t, same.Bucket, d.Segments()[0].Name), make([]byte, d.Segments()[0].Size)) {
		t.Error("an object was replaced")
	}
}

func TestWhatIsPurgedWhileABackupCopiesIsNotInIt(t *testing.T) {
	t.Parallel()
	d := filled(t)
	target := new(object.Memory)
	purged := false
	slow := &objecttest.Faulty{Bucket: target, Fail: func(op objecttest.Op, _ string) error {
		if op == objecttest.OpPutDone && !purged {
			purged = true
			_, err := d.Purge(context.Background(), columnar.EditInfo{Kind: columnar.Purge, Who: "ada", Reason: "law"}, d.series[0], always)
			return err
		}
		return nil
	}}
	o := options()
	o.Workers = 1
	made, err := backup.Write(t.Context(), d.Place, slow, "target", "ada", o)
	if err != nil {
		t.Fatal(err)
	}
	m, err := backup.Load(t.Context(), target, made.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	all, err := d.Place.Catalog.AllSegments(t.Context())
	if err != nil || !purged || len(all) != len(m.Content.Segments) {
		t.Errorf("%d segments, the catalog has %d, %v", len(m.Content.Segments), len(all), err)
	}
	if e := m.Content.Edits; e[len(e)-1].Kind != columnar.Purge {
		t.Errorf("the purge is not on the trail of the backup: %+v", e)
	}
	fresh := newPlace(t)
	if _, err := backup.Restore(t.Context(), target, made.Manifest, fresh, options()); err != nil {
		t.Fatal(err)
	}
	if want, have := d.dump(t), open(t, fresh).dump(t); have != want {
		t.Error(firstDifference(want, have))
	}
}

func TestAManifestHasTheFormThatOlderAndNewerProgramsRead(t *testing.T) {
	t.Parallel()
	bucket := new(object.Memory)
	name, packed := golden(t)
	objecttest.Replace(t, bucket, name, packed)
	m, err := backup.Load(t.Context(), bucket, name)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Content.Series[0]
	if m.Content.ID != "0123" || s.ID != 1 || s.Name != "a" || s.Type != columnar.Double || s.Grid != (columnar.Grid{Period: 1000, BlockLen: 64}) || *s.High != 2.5 ||
		m.Content.Segments[0].CRC != 0xdeadbeef || m.Content.Edits[0].Ranges[0].Replaced != 3 || m.Content.Settings["x"] != "y" || m.Snapshot.Note != "flush" {
		t.Errorf("%+v", m)
	}
}

func TestADatabaseMovesToPostgreSQLAndS3AndBack(t *testing.T) {
	d := filled(t)
	want := d.dump(t)
	server := postgrestest.Start(t)
	catalog, err := postgres.Open(t.Context(), server.URL(server.Database(t)), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := catalog.Close(); err != nil {
			t.Error(err)
		}
	})
	endpoint := s3test.Start(t)
	far := backup.Place{Bucket: s3test.Open(t, endpoint.Bucket(t, "plant")), Catalog: catalog}
	if _, err := backup.Move(t.Context(), d.Place, far, options()); err != nil {
		t.Fatal(err)
	}
	sound(t, far)
	there := open(t, far)
	if have := there.dump(t); have != want {
		t.Errorf("there: %s", firstDifference(want, have))
	}
	there.write(t, 200_000, 70)
	there.flush(t)
	want = there.dump(t)
	near := newPlace(t)
	if _, err := backup.Move(t.Context(), far, near, options()); err != nil {
		t.Fatal(err)
	}
	sound(t, near)
	if have := open(t, near).dump(t); have != want {
		t.Errorf("and back: %s", firstDifference(want, have))
	}
	remote := s3test.Open(t, endpoint.Bucket(t, "backups"))
	made, err := backup.Write(t.Context(), far, remote, "backups", "ada", options())
	if err != nil {
		t.Fatal(err)
	}
	restored := newPlace(t)
	if _, err := backup.Restore(t.Context(), remote, made.Manifest, restored, options()); err != nil {
		t.Fatal(err)
	}
	if have := open(t, restored).dump(t); have != want {
		t.Errorf("from a backup in S3: %s", firstDifference(want, have))
	}
}

// firstDifference returns the first line in which two dumps differ.
func firstDifference(want, have string) string {
	w, h := strings.Split(want, "\n"), strings.Split(have, "\n")
	for i := range w {
		if i >= len(h) || w[i] != h[i] {
			return fmt.Sprintf("line %d of %d: want %q, have %q", i, len(w), w[i], append(h, make([]string, len(w))...)[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(h), len(w))
}
