package tables

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
)

// counted are the tables whose rows are counted (totals): all that have more than one.
var counted = []string{
	seriesTable.name, snapshotTable.name, segmentTable.name, editTable.name, rangeTable.name, pinTable.name, garbageTable.name,
	logTable.name, settingTable.name, writerTable.name, journalTable.name,
}

// counters is the row of the table catalog.
type counters struct {
	id       string
	nextEdit int64
	epoch    int64      // newest that was given out
	lease    meta.Lease // of epoch 0 when there is none
	trail    int64      // sum of the newest edit
	totals   string     // JSON; see the type
	journal             // how far it has come
}

// journal says what the catalog knows of its journal.
type journal struct {
	changes int64  // number of the newest
	head    string // its digest
	trimmed int64  // those up to this number are in the bucket only
}

var counterTable = newTable("catalog", "one, id, next_edit, epoch, holder, log, expires, trail, totals, changes, head, trimmed",
	func(c *counters) []any {
		var holder any // of nobody, when the newest epoch was given out by another catalog
		if c.lease.Epoch > 0 {
			holder = c.lease.Holder
		}
		return []any{int64(1), c.id, c.nextEdit, c.epoch, holder, c.lease.Log, c.lease.Expires, c.trail, c.totals, c.changes, c.head, c.trimmed}
	},
	func(r *row) (c counters, err error) {
		r.int()
		c.id, c.nextEdit, c.epoch = r.text(), r.int(), r.int()
		if holder, ok := r.column().(string); ok {
			c.lease.Epoch, c.lease.Holder = c.epoch, holder
		}
		c.lease.Log, c.lease.Expires, c.trail, c.totals = r.text(), r.int(), r.int(), r.text()
		c.changes, c.head, c.trimmed = r.int(), r.text(), r.int()
		return c, nil
	})

// generations is the row of the table generation.
type generations struct {
	generation int64 // grows with every change of the series
	nextSeries int64 // id
}

var generationTable = newTable("generation", "one, generation, next_series",
	func(g *generations) []any { return []any{int64(1), g.generation, g.nextSeries} },
	func(r *row) (g generations, err error) {
		r.int()
		return generations{r.int(), r.int()}, nil
	})

// storedSeries is a series and the generation of its last change.
type storedSeries struct {
	meta.Series
	changed int64
}

var seriesTable = newTable("series",
	"id, name, type, period, block_len, interpolation, zone, unit, low, high, label_end, codec, labels, description, states, created, retention, phase, months, days, on_grid, changed",
	func(s *storedSeries) []any {
		states, _ := json.Marshal(s.States) // texts can always be written
		period := s.Grid.Width()
		return []any{
			s.ID, s.Name, int64(s.Type), period.Micros, s.Grid.BlockLen, int64(s.Interpolation), s.Zone, s.Unit, limit(s.Low), limit(s.High),
			s.LabelEnd, s.Codec, s.Labels, s.Description, string(states), s.Created, s.Retention, s.Grid.Phase,
			int64(period.Months), int64(period.Days), s.OnGrid, s.changed,
		}
	}, scanSeries)

func limit(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

func scanSeries(r *row) (s storedSeries, err error) {
	s.ID, s.Name, s.Type = r.int(), r.text(), columnar.Type(r.int())
	period, blockLen := zone.Width{Micros: r.int()}, r.int()
	s.Interpolation, s.Zone, s.Unit, s.Low, s.High = columnar.Interpolation(r.int()), r.text(), r.text(), r.float(), r.float()
	s.LabelEnd, s.Codec, s.Labels, s.Description = r.bool(), r.text(), r.text(), r.text()
	states := r.text()
	s.Created, s.Retention = r.int(), r.int()
	phase := r.int()
	period.Months, period.Days = int32(r.int()), int32(r.int())
	s.OnGrid, s.changed = r.bool(), r.int()
	if s.Grid, err = columnar.RestoreGrid(period, s.Zone, phase, blockLen); err != nil {
		return s, fmt.Errorf("series %s: %w", printable(s.Name), err)
	}
	if err := json.Unmarshal([]byte(states), &s.States); err != nil {
		return s, fmt.Errorf("series %s: states: %w", printable(s.Name), err)
	}
	return s, nil
}

var snapshotTable = newTable("snapshots", "id, time, note, edit, kept, live",
	func(s *storedSnapshot) []any { return []any{s.ID, s.Time, s.Note, s.Edit, s.Kept, s.live} },
	func(r *row) (storedSnapshot, error) {
		return storedSnapshot{meta.Snapshot{ID: r.int(), Time: r.int(), Note: r.text(), Edit: r.int(), Kept: r.bool()}, r.int()}, nil
	})

// storedSegment is a segment and its place in the order of addition.
type storedSegment struct {
	number int64
	meta.Segment
}

var segmentTable = newTable("segments",
	"number, name, version, size, series, blocks, samples, from_time, to_time, crc, created, retired, history, digest",
	func(s *storedSegment) []any {
		return []any{
			s.number, s.Name, s.Version, s.Size, s.Series, s.Blocks, s.Samples, s.From, s.To, int64(s.CRC), s.Created, s.Retired, s.History,
			int64(s.Digest),
		}
	},
	func(r *row) (s storedSegment, err error) {
		s.number = r.int()
		s.Segment = meta.Segment{
			Name: r.text(), Version: r.int(), Size: r.int(), Series: r.int(), Blocks: r.int(), Samples: r.int(), From: r.int(), To: r.int(),
			CRC: uint32(r.int()), Created: r.int(), Retired: r.int(), History: r.bool(), Digest: uint64(r.int()),
		}
		return s, nil
	})

// storedEdit is an edit, without its ranges, as a link of the trail: its sum is over
// that of the edit before it, in the order of their snapshots, and over those of its
// ranges.
type storedEdit struct {
	meta.Edit
	previous int64 // sum; 0: it is the first
	ranges   int64 // what their sums add up to
}

func trailOrder(a, b storedEdit) int {
	return cmp.Or(cmp.Compare(a.Snapshot, b.Snapshot), cmp.Compare(a.ID, b.ID))
}

var editTable = newTable("edits", "id, snapshot, kind, who, reason, source, inserted, replaced, deleted, previous, ranges",
	func(e *storedEdit) []any {
		return []any{e.ID, e.Snapshot, int64(e.Kind), e.Who, e.Reason, e.Source, e.Inserted, e.Replaced, e.Deleted, e.previous, e.ranges}
	},
	func(r *row) (e storedEdit, err error) {
		e.ID, e.Snapshot, e.Kind, e.Who, e.Reason, e.Source = r.int(), r.int(), columnar.EditKind(r.int()), r.text(), r.text(), r.text()
		e.Inserted, e.Replaced, e.Deleted, e.previous, e.ranges = r.int(), r.int(), r.int(), r.int(), r.int()
		return e, nil
	})

// storedRange is a range and the edit that it belongs to.
type storedRange struct {
	number int64
	edit   int64
	meta.EditRange
}

var rangeTable = newTable("edit_ranges", "number, edit, series, from_time, to_time, inserted, replaced, deleted",
	func(s *storedRange) []any {
		return []any{s.number, s.edit, s.Series, s.From, s.To, s.Inserted, s.Replaced, s.Deleted}
	},
	func(r *row) (s storedRange, err error) {
		s.number, s.edit, s.Series, s.From, s.To = r.int(), r.int(), r.int(), r.int(), r.int()
		s.Inserted, s.Replaced, s.Deleted = r.int(), r.int(), r.int()
		return s, nil
	})

var pinTable = newTable("pins", "name, snapshot, who, created",
	func(p *meta.Pin) []any { return []any{p.Name, p.Snapshot, p.Who, p.Created} },
	func(r *row) (meta.Pin, error) {
		return meta.Pin{Name: r.text(), Snapshot: r.int(), Who: r.text(), Created: r.int()}, nil
	})

var garbageTable = newTable("garbage", "name, since",
	func(g *meta.Garbage) []any { return []any{g.Name, g.Since} },
	func(r *row) (meta.Garbage, error) { return meta.Garbage{Name: r.text(), Since: r.int()}, nil })

var logTable = newTable("logs", "id, position",
	func(l *meta.Log) []any { return []any{l.ID, int64(l.Position)} },
	func(r *row) (meta.Log, error) { return meta.Log{ID: r.text(), Position: uint64(r.int())}, nil })

// setting is one of the server-wide settings.
type setting struct{ name, value string }

var settingTable = newTable("settings", "name, value",
	func(s *setting) []any { return []any{s.name, s.value} },
	func(r *row) (setting, error) { return setting{r.text(), r.text()}, nil })

var journalTable = newTable("journal", "number, change",
	func(e *meta.Entry) []any { return []any{e.Number, e.Text} },
	func(r *row) (meta.Entry, error) { return meta.Entry{Number: r.int(), Text: r.text()}, nil })

// writer is somebody who became the writer.
type writer struct {
	epoch    int64
	holder   string
	acquired int64
}

var writerTable = newTable("writers", "epoch, holder, acquired",
	func(w *writer) []any { return []any{w.epoch, w.holder, w.acquired} },
	func(r *row) (writer, error) { return writer{r.int(), r.text(), r.int()}, nil })
