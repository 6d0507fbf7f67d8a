package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/plan"
)

// explain yields the plan of a statement, line by line; with ANALYZE the statement
// is run, its rows are thrown away, and the lines say what running it did.
func (r *run) explain(ctx context.Context, n *plan.Explain) (columnar.Stream, error) {
	optimized, err := r.explained(n)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if !n.Analyze {
		plan.Print(&text, optimized, plan.PrintOptions{})
		return lines(n, text.String()), nil
	}
	clock := func() int64 { return r.engine.opts.Clock() * 1000 }
	profile := &exec.Profile{Clock: clock}
	start := clock()
	o := r.options
	o.Profile = profile
	rows, err := count(ctx, optimized, o)
	if err != nil {
		return nil, err
	}
	plan.Print(&text, optimized, plan.PrintOptions{Note: func(n plan.Node) []string { return notes(profile.Node(n), n) }})
	fmt.Fprintf(&text, "Rows: %d\nTime: %s\n", rows, millis(clock()-start))
	return lines(n, text.String()), nil
}

// explained returns the plan that is explained: what a statement that writes reads.
func (r *run) explained(n *plan.Explain) (plan.Node, error) {
	switch n.Input.(type) {
	case *plan.InsertSamples, *plan.UpdateSamples, *plan.DeleteSamples, *plan.InsertSeries, *plan.UpdateSeries:
		if n.Analyze {
			return nil, plan.Errorf(0, plan.CodeNotSupported, "EXPLAIN ANALYZE of a statement that writes is not supported").
				WithHint("Use EXPLAIN, or EXPLAIN ANALYZE of the query that it reads.")
		}
	}
	if in := n.Input.Inputs(); len(in) == 1 {
		switch n.Input.(type) {
		case *plan.InsertSamples, *plan.UpdateSamples, *plan.DeleteSamples:
			optimized, err := r.optimized(in[0])
			return plan.WithInputs(n.Input, []plan.Node{optimized}), err
		}
	}
	return r.optimized(n.Input)
}

// count runs a plan and returns how many rows it yields.
func count(ctx context.Context, n plan.Node, o exec.Options) (rows int64, err error) {
	in, err := exec.Run(ctx, n, o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for {
		batch, err := in.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += batch.NumRows()
		batch.Release()
	}
}

// notes says what the operator of a node did.
func notes(p *exec.NodeProfile, n plan.Node) []string {
	if p == nil {
		return nil
	}
	var out []string
	if p.Nanos.Load() > 0 { // a scan that an aggregate runs piece by piece has no stream of its own
		out = append(out, fmt.Sprintf("Rows: %d, time: %s", p.Rows.Load(), millis(p.Nanos.Load())))
	}
	scan, ok := n.(*plan.Scan)
	if !ok || scan.Table != plan.Samples {
		return out
	}
	c := &p.Counters
	out = append(out,
		fmt.Sprintf("Series: %d", p.Series.Load()),
		fmt.Sprintf("Blocks: %d answered by summary, %d decoded, %d never looked at, %d of them in the head",
			c.Summarized.Load(), c.Decoded.Load(), c.Skipped.Load(), c.Head.Load()),
		fmt.Sprintf("Samples looked at: %d, bytes read: %d", c.Samples.Load(), c.Bytes.Load()))
	return out
}

func millis(nanos int64) string { return fmt.Sprintf("%.3f ms", float64(nanos)/1e6) }

// lines returns a text as rows of one column.
func lines(n *plan.Explain, text string) columnar.Stream {
	b := newRowBuilder(n.Fields())
	for line := range strings.Lines(text) {
		b.row(strings.TrimRight(line, "\n"))
	}
	return b.stream()
}
