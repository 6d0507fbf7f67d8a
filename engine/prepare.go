package engine

import (
	"context"
	"strconv"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

// Prepare looks at a statement: it checks it and learns the types of its result and
// of its parameters. Mistakes are *plan.Errors.
func (e *Engine) Prepare(_ context.Context, s *Session, text string) (st *Statement, err error) {
	defer recoverInto(&err, e.opts.Logger)
	parsed, err := sql.Parse(text)
	if err != nil {
		return nil, err
	}
	node, params, err := sql.Lower(parsed, sql.Scope{Zone: s.Zone(), Now: e.opts.Clock()})
	if err != nil {
		return nil, err
	}
	st = &Statement{Text: text, Params: params}
	st.parsed.Store(parsed)
	switch n := node.(type) {
	case *plan.InsertSamples, *plan.UpdateSamples, *plan.DeleteSamples, *plan.InsertSeries, *plan.UpdateSeries, *plan.CallProcedure, *plan.SetVariable:
		st.Update = true
		if err := e.allowed(s, node); err != nil {
			return nil, err
		}
	case *plan.ShowVariable:
		if _, ok := s.Value(n.Name); !ok && n.Name != "all" {
			return nil, unknownSetting(n.Name)
		}
		st.Fields = node.Fields()
	default:
		st.Fields = node.Fields()
	}
	return st, nil
}

// paramFields are the columns of a batch of parameters.
func paramFields(params []plan.Type) []plan.Field {
	out := make([]plan.Field, len(params))
	for i, t := range params {
		out[i] = plan.Field{Name: "$" + strconv.Itoa(i+1), Type: t}
	}
	return out
}

// bind gives the parameters the types that the statement wants.
func bind(st *Statement, params []plan.Literal, env *eval.Env) ([]plan.Literal, error) {
	if len(params) != len(st.Params) {
		return nil, plan.Errorf(0, "08P01", "the statement has %d parameters, %d values were given", len(st.Params), len(params))
	}
	out := make([]plan.Literal, len(params))
	for i, p := range params {
		var err error
		if out[i], err = eval.Convert(p, st.Params[i], env); err != nil {
			return nil, inParam(err, i)
		}
	}
	return out, nil
}
