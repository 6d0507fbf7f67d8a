package engine

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// Statement is a statement that has been looked at: its columns and parameters are
// known. It is a value that any session may run (N1).
type Statement struct {
	Text   string
	Fields []plan.Field // columns of the result; none for an update
	Params []plan.Type  // types of $1, $2, ...
	Update bool         // whether it is run by Exec, not by Query
	Now    int64        // the instant that now() tells; 0: that at which it is run
}

// Schema returns the Arrow schema of the result.
func (s *Statement) Schema() *arrow.Schema { return eval.Schema(s.Fields) }

// ParamSchema returns the Arrow schema of the parameters, whose fields are named
// $1, $2, ...
func (s *Statement) ParamSchema() *arrow.Schema { return eval.Schema(paramFields(s.Params)) }

// Prepare looks at a statement: it checks it and learns the types of its result and
// of its parameters. Mistakes are *plan.Errors.
func (e *Engine) Prepare(ctx context.Context, s *Session, text string) (*Statement, error) {
	return e.prepare(ctx, s, text)
}

// Query runs a statement that yields rows. The stream holds the statement's memory
// and its entry in system.queries until it is closed; it ends with an error soon
// after ctx, or the context of a Next, is done.
func (e *Engine) Query(ctx context.Context, s *Session, st *Statement, params []plan.Literal) (columnar.Stream, error) {
	return e.query(ctx, s, st, params)
}

// Exec runs a statement that yields no rows and returns how many rows (samples or
// series) it wrote; a statement that writes none returns 0.
func (e *Engine) Exec(ctx context.Context, s *Session, st *Statement, params []plan.Literal) (int64, error) {
	return e.exec(ctx, s, st, params)
}

// ParamsFrom returns the values of row i of a batch as parameters. Columns may be of
// any Arrow type that SQL has a value for; their names do not matter.
func ParamsFrom(batch arrow.RecordBatch, i int) ([]plan.Literal, error) {
	return paramsFrom(batch, i)
}
