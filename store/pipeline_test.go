package store_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store/object/objecttest"
)

// TestAConnectionThatEndsIsNotTheEndOfAnAnswer lets the bucket fail to open an object
// with an error that wraps io.EOF, as lost connections do: the first, or a later one. A stream that takes it
// for its end answers with less than there is, and an edit loses blocks.
func TestAConnectionThatEndsIsNotTheEndOfAnAnswer(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.HeadAge, d.options.CompactRate = -1, -1
	var fails atomic.Int64 // the object that cannot be opened
	d.bucket = &objecttest.Faulty{Bucket: d.bucket, Fail: func(op objecttest.Op, _ string) error {
		if op == objecttest.OpOpen && fails.Add(-1) == 0 {
			return errors.Join(errors.New("connection lost"), io.EOF)
		}
		return nil
	}}
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 64})
	for i := range int64(4) {
		d.append(t, ramp(s, i*1600, 1600))
		d.flush(t)
	}
	ctx := context.Background()
	refused := 0
	for read := int64(1); read < 5; read++ {
		d.reopen(t) // so that nothing is cached
		fails.Store(read)
		rows, err := collectSamples(d.Store, all(s))
		if err != nil {
			refused++
		}
		if fails.Load() <= 0 && err == nil || err == nil && len(rows) != 6400 {
			t.Errorf("read %d failed: %d samples, %v", read, len(rows), err)
		}
		d.reopen(t)
		fails.Store(read)
		e, err := d.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "ada"})
		if err != nil {
			t.Fatal(err)
		}
		in := ramp(s, 0, 6400) // of all blocks but one slot each
		for i := 63; i < 6400; i += 64 {
			in.Floats[i] = -float64(read)
		}
		times, values := in.Times[:0:0], in.Floats[:0:0]
		for i := range in.Times {
			if i%64 != 5 {
				times, values = append(times, in.Times[i]), append(values, in.Floats[i])
			}
		}
		in.Times, in.Floats = times, values
		if err := e.Write(ctx, []columnar.Samples{in}); err != nil {
			t.Fatal(err)
		}
		result, err := e.Commit(ctx)
		if err != nil {
			refused++
			continue
		}
		if result.Replaced != int64(len(times)) {
			t.Errorf("read %d failed: an edit of %d samples replaced %d", read, len(times), result.Replaced)
		}
	}
	if refused < 8 {
		t.Errorf("only %d times a read failed", refused)
	}
}
