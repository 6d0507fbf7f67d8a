package exec

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// extentWidth is the least width of the bins by which extents are found.
const extentWidth = 64 * microsPerDay

// coarse is the number of blocks of a series in a bin of about extentWidth.
func coarse(s columnar.Series) int64 {
	block := s.Grid.Nominal() * s.Grid.BlockLen
	return (extentWidth + block - 1) / block
}

// blockBins are bins of so many blocks of a grid.
type blockBins struct {
	grid   columnar.Grid
	blocks int64
}

// Bin returns the bin that holds an instant.
func (b blockBins) Bin(t int64) zone.Bin {
	first := b.grid.Block(b.grid.Slot(t))
	if first %= b.blocks; first < 0 {
		first += b.blocks
	}
	first = b.grid.Block(b.grid.Slot(t)) - first
	from := b.grid.BlockTime(first)
	return zone.Bin{From: from, To: b.grid.BlockTime(first + b.blocks), Local: from}
}

// extents returns for each series about where in its ranges it has samples: a
// range that holds them all, empty for none. No block is decoded for it.
func (q *query) extents(ctx context.Context, b *binding) ([]columnar.Range, error) {
	any := *b
	any.wanted = columnar.AnyQuality
	first, last, err := q.ends(ctx, &any, coarse)
	for i := range first {
		first[i] = hull(first[i], last[i])
	}
	return first, err
}

// ends returns for each series the first and the last bin, of so many blocks, in
// which it has samples of the wanted qualities in its ranges; empty for none. Blocks
// that a range cuts are decoded, no others.
func (q *query) ends(ctx context.Context, b *binding, blocks func(columnar.Series) int64) (first, last []columnar.Range, err error) {
	sel := b.sel
	sel.Qualities, sel.Counters, sel.Decode, sel.Stats, sel.Bounds = columnar.OnlyGood, nil, false, 0, nil
	sel.Bins = make([]columnar.Bins, len(sel.Series))
	for i, s := range sel.Series {
		sel.Bins[i] = blockBins{grid: s.Grid, blocks: blocks(s)}
	}
	first, last = make([]columnar.Range, len(sel.Series)), make([]columnar.Range, len(sel.Series))
	in, err := q.Source.Summaries(ctx, sel)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if closing := in.Close(); err == nil {
			err = closing
		}
	}()
	reader := columnar.NewSummaryReader(0)
	row := summaryInput{qualities: b.wanted}
	err = drain(ctx, in, func(batch arrow.RecordBatch) error {
		if err := reader.Reset(batch); err != nil {
			return err
		}
		for i := range reader.Len() {
			reader.Row(i, &row.SummaryRow)
			if row.count() == 0 {
				continue
			}
			bin := sel.Bins[row.Series].Bin(row.Time)
			last[row.Series] = columnar.Range{From: bin.From, To: bin.To}
			if first[row.Series].From == first[row.Series].To {
				first[row.Series] = last[row.Series]
			}
		}
		return nil
	})
	return first, last, err
}

// endBlocks returns for each series the first and the last block in which it has
// samples that are wanted in its ranges; empty for none.
func (q *query) endBlocks(ctx context.Context, b *binding) (first, last []columnar.Range, err error) {
	if first, last, err = q.ends(ctx, b, coarse); err != nil {
		return nil, nil, err
	}
	return q.ends(ctx, b.between(first, last), func(columnar.Series) int64 { return 1 })
}

// between returns the binding of two ranges of each series, which are equal or the
// first before the last.
func (b *binding) between(first, last []columnar.Range) *binding {
	out := *b
	out.sel.Ranges = make([][]columnar.Range, len(first))
	for i, ranges := range b.sel.Ranges {
		out.sel.Ranges[i] = clip(ranges, first[i].From, first[i].To)
		if last[i] != first[i] {
			out.sel.Ranges[i] = append(out.sel.Ranges[i], clip(ranges, last[i].From, last[i].To)...)
		}
	}
	return &out
}

// narrowToEnds returns the binding of the first and the last block of each series in
// which it has samples that are wanted, where nothing else matters to an aggregate:
// it asks for the least and the greatest time, for each series or for all.
func (q *query) narrowToEnds(ctx context.Context, n *plan.AggregateNode, b *binding) (*binding, error) {
	if !asksForEnds(n, b.scan) || q.Decode {
		return b, nil
	}
	first, last, err := q.endBlocks(ctx, b)
	if err != nil {
		return nil, err
	}
	return b.between(first, last), nil
}

// asksForEnds reports whether an aggregate of the samples of a scan asks for
// min(time) and max(time) only.
func asksForEnds(n *plan.AggregateNode, scan *plan.Scan) bool {
	if n.Input != plan.Node(scan) || len(n.Aggs) == 0 {
		return false
	}
	column := func(e plan.Expr) string {
		if c, ok := e.(*plan.Column); ok && !scan.Columns[c.Index].Series {
			return scan.Columns[c.Index].Name
		}
		return ""
	}
	for _, a := range n.Aggs {
		if a.Func.Name != "min" && a.Func.Name != "max" || a.Filter != nil || column(a.Args[0]) != "time" {
			return false
		}
	}
	for _, k := range n.Keys {
		constant := true
		plan.WalkExpr(k, func(e plan.Expr) bool {
			if c, ok := e.(*plan.Column); ok && !scan.Columns[c.Index].Series && scan.Columns[c.Index].Name != "series" {
				constant = false
			}
			return constant
		})
		if !constant {
			return false
		}
	}
	return true
}
