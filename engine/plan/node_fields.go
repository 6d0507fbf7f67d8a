package plan

import "slices"

// Fields returns the columns that are scanned.
func (s *Scan) Fields() []Field {
	alias := s.Alias
	if alias == "" {
		alias = s.Table.Name
	}
	fields := make([]Field, len(s.Columns))
	for i, c := range s.Columns {
		name := c.Alias
		if name == "" {
			name = c.Name
		}
		fields[i] = Field{Table: alias, Name: name, Type: c.T}
	}
	return fields
}

// Fields returns the columns of the rows.
func (v *Values) Fields() []Field { return v.Cols }

// Fields returns the only column.
func (g *Generate) Fields() []Field { return []Field{g.Col} }

// Fields returns the columns of the table function.
func (c *TableCall) Fields() []Field {
	alias := c.Alias
	if alias == "" {
		alias = c.Routine.Name
	}
	fields := append([]Field(nil), c.Routine.Cols...)
	for i := range fields {
		fields[i].Table = alias
	}
	return fields
}

// Fields returns the input's columns.
func (f *Filter) Fields() []Field { return f.Input.Fields() }

// Fields returns the computed columns.
func (p *Project) Fields() []Field { return p.Cols }

// Fields returns the keys, then the aggregates.
func (a *AggregateNode) Fields() []Field { return a.Cols }

// Fields returns the input's columns.
func (s *Sort) Fields() []Field { return s.Input.Fields() }

// Fields returns the input's columns.
func (l *Limit) Fields() []Field { return l.Input.Fields() }

// Fields returns the left columns followed by the right ones; for Semi and Anti
// the left columns only.
//
// The joins to the left are gone through in a loop: to append the columns of each to
// those of the one before would take time that grows with the square of their number.
func (j *Join) Fields() []Field {
	var right []Node
	var n Node = j
	for below, ok := j, true; ok; below, ok = n.(*Join) {
		if below.Kind != Semi && below.Kind != Anti {
			right = append(right, below.Right)
		}
		n = below.Left
	}
	fields := slices.Clone(n.Fields())
	for _, r := range slices.Backward(right) {
		fields = append(fields, r.Fields()...)
	}
	return fields
}

// Fields returns the columns of the first input.
func (s *SetOp) Fields() []Field { return s.In[0].Fields() }

// rowsField is the output of the statements that write: how many rows they wrote.
var rowsField = []Field{{Name: "rows", Type: Bigint}}

// Fields returns one column: the number of samples written.
func (i *InsertSamples) Fields() []Field { return rowsField }

// Fields returns one column: the number of samples changed.
func (u *UpdateSamples) Fields() []Field { return rowsField }

// Fields returns one column: the number of samples taken away.
func (d *DeleteSamples) Fields() []Field { return rowsField }

// Fields returns one column: the number of samples touched.
func (c *CallProcedure) Fields() []Field { return rowsField }

// Fields returns one column: the number of series made.
func (i *InsertSeries) Fields() []Field { return rowsField }

// Fields returns one column: the number of series changed.
func (u *UpdateSeries) Fields() []Field { return rowsField }

// Fields returns one column: a line of the plan.
func (e *Explain) Fields() []Field { return []Field{{Name: "QUERY PLAN", Type: Text}} }

// Fields returns no columns.
func (s *SetVariable) Fields() []Field { return nil }

// Fields returns one column named like the setting; name, value and description for all.
func (s *ShowVariable) Fields() []Field {
	if s.Name == "all" {
		return []Field{{Name: "name", Type: Text}, {Name: "setting", Type: Text}, {Name: "description", Type: Text}}
	}
	return []Field{{Name: s.Name, Type: Text}}
}

// Inputs returns none.
func (s *Scan) Inputs() []Node { return nil }

// Inputs returns none.
func (v *Values) Inputs() []Node { return nil }

// Inputs returns none.
func (g *Generate) Inputs() []Node { return nil }

// Inputs returns none.
func (c *TableCall) Inputs() []Node { return nil }

// Inputs returns the input.
func (f *Filter) Inputs() []Node { return []Node{f.Input} }

// Inputs returns the input.
func (p *Project) Inputs() []Node { return []Node{p.Input} }

// Inputs returns the input.
func (a *AggregateNode) Inputs() []Node { return []Node{a.Input} }

// Inputs returns the input.
func (s *Sort) Inputs() []Node { return []Node{s.Input} }

// Inputs returns the input.
func (l *Limit) Inputs() []Node { return []Node{l.Input} }

// Inputs returns left and right.
func (j *Join) Inputs() []Node { return []Node{j.Left, j.Right} }

// Inputs returns the combined inputs.
func (s *SetOp) Inputs() []Node { return s.In }

// Inputs returns the input.
func (i *InsertSamples) Inputs() []Node { return []Node{i.Input} }

// Inputs returns the input.
func (u *UpdateSamples) Inputs() []Node { return []Node{u.Input} }

// Inputs returns the input.
func (d *DeleteSamples) Inputs() []Node { return []Node{d.Input} }

// Inputs returns none.
func (c *CallProcedure) Inputs() []Node { return nil }

// Inputs returns the input.
func (i *InsertSeries) Inputs() []Node { return []Node{i.Input} }

// Inputs returns none.
func (u *UpdateSeries) Inputs() []Node { return nil }

// Inputs returns the explained plan.
func (e *Explain) Inputs() []Node { return []Node{e.Input} }

// Inputs returns none.
func (s *SetVariable) Inputs() []Node { return nil }

// Inputs returns none.
func (s *ShowVariable) Inputs() []Node { return nil }
