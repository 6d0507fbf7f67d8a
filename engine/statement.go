package engine

import (
	"github.com/apache/arrow-go/v18/arrow"

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
