package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/wal/waltest"
)

// year is one in microseconds.
const year = 365 * 24 * 3600 * second

// TestAClockThatJumpsAcrossARestartThrowsNothingAway starts a store whose clock is a year
// ahead or behind, lets the background run, and sets the clock right again. No snapshot is
// given up, no sample's retention runs out and no object is deleted for it.
func TestAClockThatJumpsAcrossARestartThrowsNothingAway(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]int64{"ahead": year, "behind": -year} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			var now atomic.Int64
			d.options = sceneOptions(&now)
			d.options.LogFS = waltest.NewDisk()
			d.options.Keep = 24 * time.Hour
			s := openScene(d, t, &now)
			ctx := context.Background()
			if err := errors.Join(s.prepare(ctx), s.Flush(ctx)); err != nil {
				t.Fatal(err)
			}
			before := s.look(t)
			objects := len(objectsOf(t, d))
			pass := func(m store.Maintenance, d time.Duration) {
				t.Helper()
				now.Add(d.Microseconds())
				if err := m.Round(ctx, d); err != nil {
					t.Error(err)
				}
			}
			for range 3 {
				now.Add(jump)
				if err := d.Close(ctx); err != nil {
					t.Fatal(err)
				}
				s = openScene(d, t, &now)
				m := store.NewMaintenance(d.Store)
				pass(m, time.Hour)
				late := s.values(500, 10, 1)
				if err := errors.Join(s.Append(ctx, []columnar.Samples{late}), s.Flush(ctx)); err != nil {
					t.Error(err)
				}
				pass(m, time.Hour)
				seen := s.look(t)
				for id, was := range before.past {
					if now, kept := seen.past[id]; !kept || now != was {
						t.Errorf("snapshot %d is not kept, or is another, with the clock a year %s", id, name)
					}
				}
				now.Add(-jump) // it is set right
				d.reopen(t)
				m = store.NewMaintenance(d.Store)
				pass(m, time.Second)
				pass(m, 2*time.Second)
				if n := len(objectsOf(t, d)); n < objects {
					t.Fatalf("%d objects are there, there were %d", n, objects)
				}
				objects = len(objectsOf(t, d))
			}
			checkTimes(t, d)
			// When a day has passed by the clock and by itself, what is old goes.
			m := store.NewMaintenance(d.Store)
			pass(m, 25*time.Hour)
			pass(m, time.Hour)
			pass(m, time.Hour)
			if n := len(objectsOf(t, d)); name == "behind" && n >= objects {
				t.Errorf("%d objects are there, there were %d: nothing is collected any more", n, objects)
			}
		})
	}
}

// checkTimes checks that the times of snapshots never go back, and that an instant finds
// the last one before it.
func checkTimes(t testing.TB, d *database) {
	t.Helper()
	snapshots, err := d.catalog.Snapshots(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for i := range snapshots {
		if i > 0 && snapshots[i].Time < snapshots[i-1].Time {
			t.Errorf("the time of snapshot %d is before that of the one before it", snapshots[i].ID)
		}
		found, err := d.catalog.At(context.Background(), snapshots[i].Time)
		if err != nil || found.Time != snapshots[i].Time {
			t.Errorf("at the time of snapshot %d there is %+v, %v", snapshots[i].ID, found, err)
		}
	}
}

// objectsOf returns the keys of a database's bucket.
func objectsOf(t testing.TB, d *database) (keys []string) {
	t.Helper()
	for info, err := range d.bucket.List(context.Background(), "segments/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// TestAClockThatJumpsWhileRunningThrowsNothingAway lets the clock of a running store jump
// between the rounds of the background.
func TestAClockThatJumpsWhileRunningThrowsNothingAway(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	var now atomic.Int64
	d.options = sceneOptions(&now)
	d.options.LogFS = waltest.NewDisk()
	d.options.Keep = 24 * time.Hour
	s := openScene(d, t, &now)
	ctx := context.Background()
	if err := errors.Join(s.prepare(ctx), s.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	series := meta.Series{Series: s.a, Name: "a", Zone: "UTC", Codec: "auto", Labels: "{}", Retention: year / 2}
	if err := d.catalog.UpdateSeries(ctx, []meta.Series{series}); err != nil {
		t.Fatal(err)
	}
	before := s.look(t)
	m := store.NewMaintenance(d.Store)
	for _, jump := range []int64{year, -2 * year, 3 * year, -2 * year, 200 * year, -200 * year} {
		now.Add(jump)
		if err := errors.Join(m.Round(ctx, time.Hour), s.Append(ctx, []columnar.Samples{s.values(900, 3, 1)}), s.Flush(ctx), m.Round(ctx, time.Hour)); err != nil {
			t.Error(err)
		}
		seen := s.look(t)
		for id, was := range before.past {
			if now, kept := seen.past[id]; !kept || now != was {
				t.Fatalf("snapshot %d is not kept, or is another, after a jump of %d years", id, jump/year)
			}
		}
	}
	checkTimes(t, d)
}
