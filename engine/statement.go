package engine

import (
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

// Statement is a statement that has been looked at: its columns and parameters are
// known. It is a value that any session may run (N1).
type Statement struct {
	Text   string
	Fields []plan.Field // columns of the result; none for an update
	Params []plan.Type  // types of $1, $2, ...
	Update bool         // whether it is run by Exec, not by Query
	Now    int64        // the instant that now() tells; 0: that at which it is run

	parsed atomic.Pointer[sql.Statement] // the text, so that it need not be parsed again; may be nil
}

// keptText is the length of a text whose parse tree is kept for as long as the statement.
// That of a longer one, which takes a hundred times its memory, is kept for its first run.
const keptText = 16 << 10

// tree returns the text, parsed.
func (s *Statement) tree() (*sql.Statement, error) {
	parsed := s.parsed.Load()
	if len(s.Text) > keptText {
		parsed = s.parsed.Swap(nil)
	}
	if parsed != nil && parsed.Text() == s.Text {
		return parsed, nil
	}
	return sql.Parse(s.Text)
}

// Schema returns the Arrow schema of the result.
func (s *Statement) Schema() *arrow.Schema { return eval.Schema(s.Fields) }

// ParamSchema returns the Arrow schema of the parameters, whose fields are named
// $1, $2, ...
func (s *Statement) ParamSchema() *arrow.Schema { return eval.Schema(paramFields(s.Params)) }
