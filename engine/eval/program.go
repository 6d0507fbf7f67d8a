package eval

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// Env is what an expression needs besides its input. It is fixed when a
// statement starts and not changed while the statement runs.
type Env struct {
	Params []plan.Literal // values of $1, $2, ...
	Now    int64          // the instant at which the statement started
	Zone   *zone.Zone     // the session's zone
	Random func() float64 // in [0, 1); safe for concurrent use
	// Setting returns a setting of the session or the server, for
	// current_setting(); nil: there are none.
	Setting func(name string) (string, bool)
	User    string // for current_user
	Memory  int64  // bytes of text that a function may make for a batch; 0: as many as any may
	// Ended returns why the statement has ended, nil while it runs; nil: nobody ends it.
	Ended func() error
}

// ended returns why the statement has ended, nil while it runs.
func (e *Env) ended() error {
	if e == nil || e.Ended == nil {
		return nil
	}
	return e.Ended()
}

// Program is a compiled expression. It may be used by one goroutine at a time.
type Program struct {
	root node
	t    plan.Type
	env  *Env
}

// node is a compiled expression: a function from a batch to a vector.
type node interface {
	eval(b *batch) (Vector, error)
}

// batch is the input of a program: columns that are converted when first used.
type batch struct {
	n    int
	cols []Vector
	have []bool
	rec  arrow.RecordBatch
	from *batch // where set, the columns are those of from at rows
	rows []int32
}

func newBatch(in arrow.RecordBatch) *batch {
	n := int(in.NumCols())
	return &batch{n: int(in.NumRows()), cols: make([]Vector, n), have: make([]bool, n), rec: in}
}

// column returns column i as a vector of type t.
func (b *batch) column(i int, t plan.Type) (Vector, error) {
	if b.have[i] {
		return b.cols[i], nil
	}
	var v Vector
	if b.from != nil {
		whole, err := b.from.column(i, t)
		if err != nil {
			return Vector{}, err
		}
		v = whole.gather(b.rows)
	} else {
		var err error
		if v, err = FromArray(b.rec.Column(i), t); err != nil {
			return Vector{}, fmt.Errorf("column %s: %w", b.rec.ColumnName(i), err)
		}
	}
	b.cols[i], b.have[i] = v, true
	return v, nil
}

// at returns the batch of some rows.
func (b *batch) at(rows []int32) *batch {
	return &batch{n: len(rows), cols: make([]Vector, len(b.cols)), have: make([]bool, len(b.have)), from: b, rows: rows}
}

// Compile prepares an expression, in which no Aggregation and no Subquery is
// left, for evaluation.
func Compile(e plan.Expr, env *Env) (*Program, error) {
	root, err := compile(e, env)
	if err != nil {
		return nil, err
	}
	return &Program{root: root, t: e.Type(), env: env}, nil
}

// Vector evaluates the program over a batch.
func (p *Program) Vector(in arrow.RecordBatch) (Vector, error) {
	return p.root.eval(newBatch(in))
}

// Eval evaluates the program over a batch. The array has a value per row of the
// batch and the Arrow type of the expression; the caller releases it.
func (p *Program) Eval(in arrow.RecordBatch) (arrow.Array, error) {
	if c, ok := p.root.(column); ok {
		a := in.Column(c.index)
		if arrow.TypeEqual(a.DataType(), p.t.Arrow()) {
			a.Retain()
			return a, nil
		}
	}
	v, err := p.Vector(in)
	if err != nil {
		return nil, err
	}
	if v.TextSize() > p.env.mostText() {
		return nil, p.env.tooMuchText()
	}
	return v.Array(), nil
}

// All evaluates programs over a batch, as Eval does; together they hold no more text
// than one may.
func All(programs []*Program, in arrow.RecordBatch) ([]arrow.Array, error) {
	out := make([]arrow.Array, 0, len(programs))
	text := 0
	for _, p := range programs {
		a, err := p.Eval(in)
		if err == nil {
			out = append(out, a)
			if s, ok := a.(*array.String); ok {
				text += len(s.ValueBytes())
			}
			if text > p.env.mostText() {
				err = p.env.tooMuchText()
			}
		}
		if err != nil {
			for _, a := range out {
				a.Release()
			}
			return nil, err
		}
	}
	return out, nil
}

// Constant returns the value of an expression that has no columns.
func Constant(e plan.Expr, env *Env) (plan.Literal, error) {
	root, err := compile(e, env)
	if err != nil {
		return plan.Literal{}, err
	}
	v, err := root.eval(&batch{n: 1})
	if err != nil {
		return plan.Literal{}, err
	}
	return v.Literal(0), nil
}

func compile(e plan.Expr, env *Env) (node, error) {
	switch e := e.(type) {
	case *plan.Column:
		return column{e.Index, e.T}, nil
	case *plan.Literal:
		return literal{*e}, nil
	case *plan.Param:
		return compileParam(e, env)
	case *plan.Call:
		return compileCall(e, env)
	case *plan.Case:
		return compileCase(e, env)
	case *plan.Cast:
		return compileCast(e, env)
	case *plan.In:
		return compileIn(e, env)
	}
	return nil, fmt.Errorf("eval: expression %T cannot be evaluated by itself", e)
}

func compileAll(exprs []plan.Expr, env *Env) ([]node, error) {
	out := make([]node, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = compile(e, env); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func compileParam(e *plan.Param, env *Env) (node, error) {
	if e.N < 1 || e.N > len(env.Params) {
		return nil, plan.Errorf(e.At, plan.CodeUndefParameter, "there is no value for parameter $%d", e.N)
	}
	p := env.Params[e.N-1]
	if p.T == e.T {
		return literal{p}, nil
	}
	return compileCast(&plan.Cast{Arg: &p, To: e.T, Scale: -1, At: e.At}, env)
}

// column is a column of the input.
type column struct {
	index int
	t     plan.Type
}

func (c column) eval(b *batch) (Vector, error) { return b.column(c.index, c.t) }

// literal is a constant.
type literal struct{ value plan.Literal }

func (l literal) eval(b *batch) (Vector, error) { return FromLiteral(l.value, b.n), nil }
