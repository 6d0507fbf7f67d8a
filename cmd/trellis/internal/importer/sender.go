package importer

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/columnar"
)

// What is held before it is sent (P3), and what is sent in one batch.
const (
	heldRows   = 256 << 10
	heldBytes  = 32 << 20 // of texts
	batchRows  = 64 << 10
	batchBytes = 8 << 20 // of texts
)

// sender sends what the targets hold as long batches, series after series. A batch has
// series of one kind of values.
type sender struct {
	run   *run
	in    client.Ingest   // nil: nothing was sent yet
	edit  client.Backfill // the same, where it is one
	rows  int             // held by all targets
	bytes int
	err   error // of the database; nothing is sent after it
}

// added notes that a target has taken a sample with a text of some bytes.
func (s *sender) added(bytes int) {
	s.rows++
	s.bytes += bytes
}

// durable returns how many samples are stored for good.
func (s *sender) durable() int64 {
	if s.in == nil {
		return 0
	}
	return s.in.Durable()
}

// flushIfFull sends what is held if it is much.
func (s *sender) flushIfFull() error {
	if s.rows < heldRows && s.bytes < heldBytes {
		return nil
	}
	return s.flush()
}

// flush sends all that is held.
func (s *sender) flush() error {
	if s.err != nil {
		return s.err
	}
	for _, kind := range []columnar.Kind{columnar.Floats, columnar.Ints, columnar.Texts} {
		b := newBatcher(kind)
		for _, t := range s.run.order {
			if t.meta.Type.Kind() != kind {
				continue
			}
			if s.err = s.passOver(t); s.err != nil {
				return s.err
			}
			for from := 0; from < len(t.times); {
				from = b.take(t, from)
				if b.full() {
					if s.err = s.send(b); s.err != nil {
						return s.err
					}
				}
			}
			t.times, t.floats, t.ints, t.texts = t.times[:0], t.floats[:0], t.ints[:0], t.texts[:0]
			t.void, t.status, t.bytes = t.void[:0], t.status[:0], 0
		}
		if s.err = s.send(b); s.err != nil {
			return s.err
		}
	}
	s.rows, s.bytes = 0, 0
	return nil
}

// send sends a batch.
func (s *sender) send(b *batcher) error {
	if b.rows() == 0 {
		return nil
	}
	batch := b.finish(s.run.opts.Edit)
	defer batch.Release()
	if s.run.opts.DryRun {
		return nil
	}
	if err := s.open(); err != nil {
		return err
	}
	return s.in.Write(batch)
}

// open begins the stream, unless it has begun.
func (s *sender) open() (err error) {
	o := s.run.opts
	switch {
	case s.in != nil:
	case o.Edit:
		s.edit, err = s.run.conn.Backfill(s.run.write, o.Reason, o.Source)
		s.in = s.edit
	default:
		s.in, err = s.run.conn.Ingest(s.run.write)
	}
	if err != nil {
		s.in = nil
	}
	return err
}

// giveUp ends the stream of an edit that is not to be made.
func (s *sender) giveUp() error {
	if s.in == nil {
		return nil
	}
	return s.in.Close()
}

// close sends what is left and waits until all of it is stored for good.
func (s *sender) close() error {
	err := s.flush()
	if err == nil && s.edit != nil {
		var made client.Edited
		if made, err = s.edit.Commit(); err == nil {
			s.run.report.Edited = &made
		}
	}
	if s.in != nil {
		if closed := s.in.Close(); err == nil {
			err = closed
		}
	}
	return err
}

// batcher makes a batch.
type batcher struct {
	kind    columnar.Kind
	names   []string
	indexes []int32
	times   []arrow.Timestamp
	status  []uint32
	any     bool // whether any status is not good
	valid   []bool
	floats  []float64
	ints    []int64
	texts   []string
	bytes   int
}

func newBatcher(kind columnar.Kind) *batcher { return &batcher{kind: kind} }

func (b *batcher) rows() int  { return len(b.times) }
func (b *batcher) full() bool { return b.rows() >= batchRows || b.bytes >= batchBytes }

// take takes samples of a target, from one on, and returns the first that is left.
func (b *batcher) take(t *target, from int) int {
	if n := len(b.names); n == 0 || b.names[n-1] != t.meta.Name {
		b.names = append(b.names, t.meta.Name)
	}
	index := int32(len(b.names) - 1)
	i := from
	for ; i < len(t.times) && !b.full(); i++ {
		b.indexes = append(b.indexes, index)
		b.times = append(b.times, arrow.Timestamp(t.times[i]))
		b.status = append(b.status, uint32(t.status[i]))
		b.any = b.any || t.status[i] != columnar.StatusGood
		b.valid = append(b.valid, !t.void[i])
		switch b.kind {
		case columnar.Floats:
			b.floats = append(b.floats, t.floats[i])
		case columnar.Ints:
			b.ints = append(b.ints, t.ints[i])
		default:
			b.texts = append(b.texts, t.texts[i])
			b.bytes += len(t.texts[i])
		}
	}
	return i
}

var (
	seriesType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	timeType   = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
)

// finish returns the batch and begins another. Uniform batches all have the same
// columns.
func (b *batcher) finish(uniform bool) arrow.RecordBatch {
	mem := memory.DefaultAllocator
	fields := []arrow.Field{{Name: "series", Type: seriesType}, {Name: "time", Type: timeType}}
	cols := []arrow.Array{b.series(mem)}

	times := array.NewTimestampBuilder(mem, timeType)
	times.AppendValues(b.times, nil)
	cols = append(cols, times.NewArray())

	add := func(kind columnar.Kind, name string, v array.Builder, fill func()) {
		defer v.Release()
		switch {
		case kind == b.kind:
			fill()
		case uniform:
			v.AppendNulls(b.rows())
		default:
			return
		}
		fields, cols = append(fields, arrow.Field{Name: name, Type: v.Type(), Nullable: true}), append(cols, v.NewArray())
	}
	floats, ints, texts := array.NewFloat64Builder(mem), array.NewInt64Builder(mem), array.NewStringBuilder(mem)
	add(columnar.Floats, "value", floats, func() { floats.AppendValues(b.floats, b.valid) })
	add(columnar.Ints, "int_value", ints, func() { ints.AppendValues(b.ints, b.valid) })
	add(columnar.Texts, "text", texts, func() { texts.AppendValues(b.texts, b.valid) })
	if b.any || uniform {
		v := array.NewUint32Builder(mem)
		v.AppendValues(b.status, nil)
		fields, cols = append(fields, arrow.Field{Name: "status", Type: arrow.PrimitiveTypes.Uint32}), append(cols, v.NewArray())
	}
	batch := array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, int64(len(b.times)))
	for _, col := range cols {
		col.Release()
	}
	*b = batcher{kind: b.kind}
	return batch
}

// series returns the column of names.
func (b *batcher) series(mem memory.Allocator) arrow.Array {
	names := array.NewStringBuilder(mem)
	names.AppendValues(b.names, nil)
	dictionary := names.NewArray()
	defer dictionary.Release()
	indexes := array.NewInt32Builder(mem)
	indexes.AppendValues(b.indexes, nil)
	places := indexes.NewArray()
	defer places.Release()
	return array.NewDictionaryArray(seriesType, places, dictionary)
}
