package exec

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/engine/eval"
)

// partText is how much text of a batch an operator takes in before it accounts for it.
const partText = 4 << 20

// inParts evaluates lists of programs over a batch and calls f with their vectors; over
// halves of it, and halves of these, where the vectors stand for more than partText of
// text. A constant text of some megabytes is small as a vector, and more than there is
// memory when an operator keeps it for every row.
func inParts(b arrow.RecordBatch, f func(b arrow.RecordBatch, v [][]eval.Vector) error, lists ...[]*eval.Program) error {
	all := make([][]eval.Vector, len(lists))
	text := 0
	for i, list := range lists {
		var err error
		if all[i], err = vectors(list, b); err != nil {
			return err
		}
		for k := range all[i] {
			text += all[i][k].TextSize()
		}
	}
	n := b.NumRows()
	if text <= partText || n < 2 {
		return f(b, all)
	}
	for _, half := range [][2]int64{{0, n / 2}, {n / 2, n}} { // a batch of 2^n rows is halved n times
		part := b.NewSlice(half[0], half[1])
		err := inParts(part, f, lists...)
		part.Release()
		if err != nil {
			return err
		}
	}
	return nil
}
