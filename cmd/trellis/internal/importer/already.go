package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// stored is a sample of the database, as far as it can be compared.
type stored struct {
	void   bool
	float  float64
	text   string
	status columnar.Status
}

// passOver takes out of what a target holds the samples that the database has already,
// with the same value and status, and counts them: a file that is imported twice is
// stored once.
func (s *sender) passOver(t *target) error {
	if t.report.Created || s.run.opts.Edit || s.run.conn == nil || len(t.times) == 0 || t.sent && t.report.Replaced > 0 {
		return nil // what an earlier batch replaced is not sure to be seen yet
	}
	t.sent = true
	known, err := s.known(t)
	if err != nil || len(known) == 0 {
		return err
	}
	kept := 0
	for i := range t.times {
		at := t.seat(t.times[i])
		if x, ok := known[at.slot]; ok && t.same(i, x) {
			t.report.Already++
			continue
		}
		t.times[kept], t.void[kept], t.status[kept] = t.times[i], t.void[i], t.status[i]
		switch t.meta.Type.Kind() {
		case columnar.Floats:
			t.floats[kept] = t.floats[i]
		case columnar.Ints:
			t.ints[kept] = t.ints[i]
		default:
			t.texts[kept] = t.texts[i]
		}
		// Another sample of this import in the slot has to be sent, too.
		delete(known, at.slot)
		kept++
	}
	t.times, t.void, t.status = t.times[:kept], t.void[:kept], t.status[:kept]
	switch t.meta.Type.Kind() {
	case columnar.Floats:
		t.floats = t.floats[:kept]
	case columnar.Ints:
		t.ints = t.ints[:kept]
	default:
		t.texts = t.texts[:kept]
	}
	return nil
}

// same reports whether a sample that is held is what is stored.
func (t *target) same(i int, x stored) bool {
	if t.status[i] != x.status || t.void[i] != x.void {
		return false
	}
	switch {
	case x.void:
		return true
	case t.meta.Type.Kind() == columnar.Floats:
		return math.Float64bits(t.floats[i]) == math.Float64bits(x.float)
	case t.meta.Type.Kind() == columnar.Ints:
		return float64(t.ints[i]) == x.float && t.ints[i] > -1<<53 && t.ints[i] < 1<<53
	}
	return t.texts[i] == x.text
}

// spread is how many slots are read for however few samples.
const spread = 1 << 18

// known reads what the database has in the slots of a target, by slot.
func (s *sender) known(t *target) (out map[int64]stored, err error) {
	first, last := t.times[0], t.times[0]
	for _, at := range t.times {
		first, last = min(first, at), max(last, at)
	}
	begin, end := t.seat(first).begin, t.meta.Grid.Time(t.seat(last).slot+1)
	if t.seat(last).slot-t.seat(first).slot > spread+8*int64(len(t.times)) {
		return nil, nil // far more might be there than is looked for
	}
	value := "raw_value"
	if t.meta.Type.Kind() == columnar.Texts {
		value = "text"
	}
	query := fmt.Sprintf("SELECT time, %s, status FROM samples WHERE series = %s AND time >= %s AND time <= %s", value, literal(t.meta.Name), literal(plan.FormatTimestamptz(begin, nil)), literal(plan.FormatTimestamptz(end, nil)))
	result, err := s.run.conn.Run(s.run.write, query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Rows.Close()) }()
	out = map[int64]stored{}
	for {
		batch, err := result.Rows.Next(context.WithoutCancel(s.run.write))
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		t.learn(out, batch)
		batch.Release()
	}
}

// learn takes in a batch of samples.
func (t *target) learn(out map[int64]stored, batch arrow.RecordBatch) {
	times, ok := batch.Column(0).(*array.Timestamp)
	status, alike := batch.Column(2).(*array.Int64)
	if !ok || !alike {
		return
	}
	for row := range int(batch.NumRows()) {
		x := stored{void: batch.Column(1).IsNull(row), status: columnar.Status(status.Value(row))}
		switch col := batch.Column(1).(type) {
		case *array.Float64:
			x.float = col.Value(row)
		case *array.String:
			x.text = col.Value(row)
		case *array.StringView:
			x.text = col.Value(row)
		default:
			return
		}
		out[t.meta.Grid.Slot(int64(times.Value(row)))] = x
	}
}
