package plan

import (
	"fmt"
	"strings"
)

// PrintOptions say what Print adds to the plan.
type PrintOptions struct {
	// Note returns lines to print below a node, such as what running it did; nil
	// for none.
	Note func(Node) []string
	// Columns prints the columns of every node's output.
	Columns bool
}

// Print prints a plan as EXPLAIN shows it: a line for each node with its inputs
// indented below it, and its expressions in SQL. Lines end in a line feed.
func Print(w *strings.Builder, n Node, opts PrintOptions) {
	p := planPrinter{out: w, opts: opts}
	p.node(n, 0)
}

// Sprint returns what Print prints without options.
func Sprint(n Node) string {
	var b strings.Builder
	Print(&b, n, PrintOptions{})
	return b.String()
}

type planPrinter struct {
	out  *strings.Builder
	opts PrintOptions
}

// indent is the width by which inputs are indented, branch what stands before them.
const (
	indent = 6
	branch = "->  "
)

func (p *planPrinter) node(n Node, depth int) {
	at := strings.Repeat(" ", depth*indent)
	lead := at
	if depth > 0 {
		lead = at[:len(at)-len(branch)] + branch
	}
	title, details := describe(n)
	fmt.Fprintf(p.out, "%s%s\n", lead, title)
	for _, d := range details {
		fmt.Fprintf(p.out, "%s  %s\n", at, d)
	}
	if p.opts.Columns {
		fmt.Fprintf(p.out, "%s  Output: %s\n", at, columnList(n.Fields()))
	}
	if p.opts.Note != nil {
		for _, line := range p.opts.Note(n) {
			fmt.Fprintf(p.out, "%s  %s\n", at, line)
		}
	}
	for _, e := range Exprs(n) {
		WalkExpr(e, func(part Expr) bool {
			if s, ok := part.(*Subquery); ok {
				fmt.Fprintf(p.out, "%s  Subquery:\n", at)
				p.node(s.Plan, depth+1)
			}
			return true
		})
	}
	for _, in := range n.Inputs() {
		p.node(in, depth+1)
	}
}

// columnList prints columns with their types.
func columnList(fields []Field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = quoteIdent(f.Name) + " " + shortName(f.Type)
	}
	return strings.Join(list, ", ")
}

// details collects the lines below a node's title.
type details struct{ lines []string }

// add adds a line, unless its text is empty.
func (d *details) add(label, text string) {
	if text != "" {
		d.lines = append(d.lines, label+": "+text)
	}
}

// arguments adds a line for the arguments of a routine.
func (d *details) arguments(r *Routine, args []Expr) {
	list := make([]string, len(args))
	for i, e := range args {
		name := r.Params[i].Name
		if r.Params[i].Or != "" && e.Type() == Timestamptz {
			name = r.Params[i].Or
		}
		list[i] = name + " => " + printExpr(e, nil)
	}
	d.add("Arguments", strings.Join(list, ", "))
}

// describe returns the line of a node and the lines below it.
func describe(n Node) (title string, lines []string) {
	var d details
	var in []Field
	if inputs := n.Inputs(); len(inputs) > 0 {
		in = inputs[0].Fields()
	}
	switch n := n.(type) {
	case *Scan:
		title = describeScan(n, &d)
	case *Values:
		title = "Values (" + counted(len(n.Rows), "row") + ")"
		const shown = 3
		for i, row := range n.Rows[:min(len(n.Rows), shown)] {
			d.add(fmt.Sprintf("Row %d", i+1), exprList(row, nil))
		}
	case *Generate:
		title = "Generate " + quoteIdent(n.Col.Name)
		d.add("Range", exprList([]Expr{n.From, n.To, n.Step}, nil))
	case *TableCall:
		title = "Call " + n.Routine.Name
		if n.Alias != "" && n.Alias != n.Routine.Name {
			title += " " + quoteIdent(n.Alias)
		}
		d.arguments(n.Routine, n.Args)
		d.add("Series", optionalOver(n.SeriesWhere, Series.Cols))
	case *Filter:
		title = "Filter"
		d.add("Where", printExpr(n.Where, in))
	case *Project:
		title = "Project"
		d.add("Output", projection(n, in))
	case *AggregateNode:
		title = describeAggregate(n, in, &d)
	case *Sort:
		title = "Sort"
		p := exprPrinter{fields: in}
		p.sortKeys(n.Keys)
		d.add("Order", p.String())
	case *Limit:
		title = "Limit"
		d.add("Count", optional(n.Count))
		d.add("Offset", optional(n.Offset))
	case *Join:
		title = describeJoin(n, &d)
	case *SetOp:
		title = []string{Union: "Union", Intersect: "Intersect", Except: "Except"}[n.Kind]
		if n.All {
			title += " All"
		}
	default:
		title = describeStatement(n, &d)
	}
	return title, d.lines
}

func describeStatement(n Node, d *details) string {
	switch n := n.(type) {
	case *InsertSamples:
		return "Insert into samples (" + strings.Join(n.Columns, ", ") + ")"
	case *UpdateSamples:
		return "Update samples (" + strings.Join(n.Columns, ", ") + ")"
	case *DeleteSamples:
		return "Delete from samples"
	case *CallProcedure:
		d.arguments(n.Routine, n.Args)
		return "Call " + n.Routine.Name
	case *InsertSeries:
		return "Insert into series (" + strings.Join(n.Columns, ", ") + ")"
	case *UpdateSeries:
		fields := Series.Cols
		d.add("Where", optionalOver(n.Where, fields))
		for i, e := range n.Exprs {
			d.add("Set "+quoteIdent(n.Columns[i]), printExpr(e, fields))
		}
		return "Update series"
	case *Explain:
		if n.Analyze {
			return "Explain Analyze"
		}
		return "Explain"
	case *SetVariable:
		if n.Value == nil {
			return "Reset " + n.Name
		}
		return "Set " + n.Name + " = " + quoteLiteral(*n.Value)
	case *ShowVariable:
		return "Show " + n.Name
	}
	return fmt.Sprintf("%T", n)
}

func describeAggregate(n *AggregateNode, in []Field, d *details) string {
	title := "Aggregate"
	switch {
	case len(n.Aggs) == 0:
		title = "Distinct"
	case n.Merge:
		title = "Aggregate (merges summaries)"
	}
	d.add("Group by", exprList(n.Keys, in))
	if n.Sets != nil {
		sets := make([]string, len(n.Sets))
		for i, set := range n.Sets {
			keys := make([]Expr, len(set))
			for j, k := range set {
				keys[j] = n.Keys[k]
			}
			sets[i] = "(" + exprList(keys, in) + ")"
		}
		d.add("Grouping sets", strings.Join(sets, ", "))
	}
	aggs := make([]Expr, len(n.Aggs))
	for i, a := range n.Aggs {
		aggs[i] = a
	}
	d.add("Compute", exprList(aggs, in))
	return title
}

func describeJoin(n *Join, d *details) string {
	left, right := n.Left.Fields(), n.Right.Fields()
	both := append(left[:len(left):len(left)], right...)
	pairs := make([]string, len(n.LeftKeys))
	for i := range n.LeftKeys {
		pairs[i] = joinSide(n.LeftKeys[i], left, right) + " = " + joinSide(n.RightKeys[i], right, left)
	}
	d.add("Equal", strings.Join(pairs, " AND "))
	d.add("Where", optionalOver(n.Where, both))
	return []string{
		Inner: "Inner Join", Left: "Left Join", Right: "Right Join", Full: "Full Join", Cross: "Cross Join", Semi: "Semi Join", Anti: "Anti Join",
	}[n.Kind]
}

// joinSide prints a key over one side, with columns qualified where the other side
// has one of that name.
func joinSide(e Expr, fields, other []Field) string {
	return printExpr(e, append(fields[:len(fields):len(fields)], other...))
}

// projection prints the columns of a Project, with their names where these differ.
func projection(n *Project, in []Field) string {
	list := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		list[i] = printExpr(e, in)
		if c, ok := e.(*Column); !ok || c.Name != n.Cols[i].Name {
			list[i] += " AS " + quoteIdent(n.Cols[i].Name)
		}
	}
	return strings.Join(list, ", ")
}

// counted prints a number of things.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func exprList(list []Expr, fields []Field) string {
	p := exprPrinter{fields: fields}
	p.list(list)
	return p.String()
}

func optional(e Expr) string { return optionalOver(e, nil) }

func optionalOver(e Expr, fields []Field) string {
	if e == nil {
		return ""
	}
	return printExpr(e, fields)
}
