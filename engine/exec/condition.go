package exec

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// condition is the condition of a filter. One that compares values of samples with
// numbers, and does nothing else, goes without eval: straight into bitmaps.
type condition struct {
	program     *eval.Program
	comparisons []comparison // nil: run the program
}

// comparison compares a column of finite doubles with a number.
type comparison struct {
	column int
	op     kernel.Op
	x      float64
}

// operators are the comparisons that there are kernels for.
var operators = map[string]kernel.Op{"=": kernel.Eq, "<>": kernel.Ne, "<": kernel.Lt, "<=": kernel.Le, ">": kernel.Gt, ">=": kernel.Ge}

// compileCondition compiles the condition of a filter.
func (q *query) compileCondition(n *plan.Filter) (*condition, error) {
	p, err := eval.Compile(n.Where, q.Env)
	if err != nil {
		return nil, err
	}
	c := &condition{program: p}
	scan, ok := n.Input.(*plan.Scan)
	if !ok || scan.Table != plan.Samples {
		return c, nil
	}
	for _, e := range plan.Conjuncts(n.Where) {
		one, ok := comparisonOf(e, scan)
		if !ok {
			c.comparisons = nil
			break
		}
		c.comparisons = append(c.comparisons, one)
	}
	return c, nil
}

// comparisonOf takes value > 3 and the like apart. The values of samples are never
// NaN, which the kernels do not know.
func comparisonOf(e plan.Expr, scan *plan.Scan) (comparison, bool) {
	call, ok := e.(*plan.Call)
	if !ok || len(call.Args) != 2 {
		return comparison{}, false
	}
	op, known := operators[call.Func.Name]
	c, isColumn := call.Args[0].(*plan.Column)
	l, isLiteral := call.Args[1].(*plan.Literal)
	if !known || !isColumn || !isLiteral || scan.Columns[c.Index].Series || scan.Columns[c.Index].Name != "value" {
		return comparison{}, false
	}
	x, ok := l.Value.(float64)
	return comparison{column: c.Index, op: op, x: x}, ok && !math.IsNaN(x)
}

// rows returns the rows of a batch in which the condition is true, and how many.
func (c *condition) rows(b arrow.RecordBatch) (columnar.Bitmap, int, error) {
	if c.comparisons == nil {
		return c.program.Select(b)
	}
	n := int(b.NumRows())
	keep := columnar.NewBitmap(n)
	var more columnar.Bitmap
	for i, cmp := range c.comparisons {
		into := keep
		if i > 0 {
			if more == nil {
				more = columnar.NewBitmap(n)
			}
			into = more
		}
		values := b.Column(cmp.column).(*array.Float64)
		kernel.CompareFloats(into, cmp.op, values.Float64Values(), cmp.x)
		if values.NullN() > 0 {
			kernel.And(into, into, validRows(values))
		}
		if i > 0 {
			kernel.And(keep, keep, more)
		}
	}
	return keep, keep.Count(), nil
}

// validRows returns the rows of an array that are not NULL.
func validRows(a arrow.Array) columnar.Bitmap {
	out := columnar.NewBitmap(a.Len())
	bitutil.CopyBitmap(a.NullBitmapBytes(), a.Data().Offset(), a.Len(), arrow.Uint64Traits.CastToBytes(out), 0)
	return out
}
