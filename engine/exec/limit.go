package exec

import (
	"context"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// limit leaves out the first rows of its input, passes on the next ones, and
// closes it early.
type limit struct {
	columnar.Stream       // the input
	skip            int64 // rows still to leave out
	left            int64 // rows still to pass on; negative: all
}

func (q *query) buildLimit(n *plan.Limit) (columnar.Stream, error) {
	count, err := q.rowCount(n.Count, -1, "LIMIT")
	if err != nil {
		return nil, err
	}
	skip, err := q.rowCount(n.Offset, 0, "OFFSET")
	if err != nil {
		return nil, err
	}
	var in columnar.Stream
	if sort, ok := n.Input.(*plan.Sort); ok && count >= 0 {
		in, err = q.buildFirst(sort, saturatingAdd(count, skip))
	} else {
		in, err = q.build(n.Input)
	}
	if err != nil {
		return nil, err
	}
	return &limit{Stream: in, skip: skip, left: count}, nil
}

// buildFirst returns the first rows of a sort.
func (q *query) buildFirst(n *plan.Sort, first int64) (columnar.Stream, error) {
	if scan, steps := byTime(n); scan != nil {
		in, err := q.buildEnds(n, scan, steps, first)
		return q.Profile.watch(n, in), err
	}
	in, err := q.build(n.Input)
	if err != nil {
		return nil, err
	}
	in, err = q.buildSort(n, in, first)
	return q.Profile.watch(n, in), err
}

// rowCount returns the value of LIMIT or OFFSET; absent where it is nil or NULL.
func (q *query) rowCount(e plan.Expr, absent int64, clause string) (int64, error) {
	if e == nil {
		return absent, nil
	}
	l, err := eval.Constant(e, q.Env)
	if err != nil || l.IsNull() {
		return absent, err
	}
	n := l.Value.(int64)
	if n < 0 {
		return 0, plan.Errorf(e.Pos(), plan.CodeInvalidValue, "%s must not be negative", clause)
	}
	return n, nil
}

func saturatingAdd(a, b int64) int64 {
	if sum := a + b; sum >= 0 {
		return sum
	}
	return 1<<63 - 1
}

// Next implements columnar.Stream.
func (l *limit) Next(ctx context.Context) (arrow.RecordBatch, error) {
	for l.left != 0 {
		b, err := l.Stream.Next(ctx)
		if err != nil {
			return nil, err
		}
		n := b.NumRows()
		if l.skip >= n {
			l.skip -= n
			b.Release()
			continue
		}
		from, to := l.skip, n
		l.skip = 0
		if l.left > 0 {
			to = min(to, saturatingAdd(from, l.left))
			l.left -= to - from
		}
		if from == 0 && to == n {
			return b, nil
		}
		out := b.NewSlice(from, to)
		b.Release()
		return out, nil
	}
	if err := l.Stream.Close(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}
