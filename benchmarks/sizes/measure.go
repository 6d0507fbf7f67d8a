package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/codec"
)

// row is what one data set takes.
type row struct {
	dataSet
	blockBits  float64 // per sample, whole blocks
	columnBits float64 // per sample, columns of values
	zstdBits   float64 // per sample, the same blocks by zstd alone
	alpBits    float64 // per sample, the same values by ALP
	encode     float64 // millions of samples a second
	decode     float64
}

// errChanged says that a block did not come back as it was.
var errChanged = errors.New("a block decodes to other values")

// measure encodes a data set block by block.
func measure(s dataSet, columns, speed bool) (row, error) {
	r := row{dataSet: s}
	series := columnar.Series{ID: 1, Type: columnar.Double, Grid: s.grid}
	var (
		blocks       []*columnar.Block
		encoded      [][]byte
		block, value int
		zstds, alps  int
		dst          []byte
	)
	zstd, err := newZstdPeer()
	if err != nil {
		return r, err
	}
	for from := 0; from < len(s.slots); {
		to, number := from, s.grid.Block(s.slots[from])
		for to < len(s.slots) && s.grid.Block(s.slots[to]) == number {
			to++
		}
		b := s.block(number, from, to)
		if dst, err = columnar.AppendBlock(dst[:0], b, codec.Auto, series); err != nil {
			return r, err
		}
		scanned, err := columnar.ScanBlock(dst, series.ID, number)
		if err != nil {
			return r, err
		}
		block += len(dst)
		scanned.Columns(func(name string, column []byte) {
			if name != "values" {
				return
			}
			value += len(column)
			if columns && len(blocks) < 3 {
				fmt.Fprintf(os.Stderr, "%s: block of %d samples: %v\n", s.name, to-from, codec.Inspect(column))
			}
		})
		if err := same(b, dst, series, number); err != nil {
			return r, err
		}
		if !s.synthetic {
			zstds += zstd.size(s.values[from:to])
			alps += alpSize(s.values[from:to])
		}
		if len(blocks) < 2000 {
			blocks, encoded = append(blocks, b), append(encoded, append([]byte(nil), dst...))
		}
		from = to
	}
	r.blockBits = float64(block) * 8 / float64(len(s.values))
	r.columnBits = float64(value) * 8 / float64(len(s.values))
	r.zstdBits = float64(zstds) / float64(len(s.values))
	r.alpBits = float64(alps) / float64(len(s.values))
	if speed {
		r.time(series, blocks, encoded)
	}
	return r, nil
}

// block is the block of that number, whose samples are from ≤ i < to.
func (s *dataSet) block(number int64, from, to int) *columnar.Block {
	b := &columnar.Block{First: s.grid.BlockSlot(number), Len: int(s.grid.BlockLen), Kind: columnar.Floats}
	b.Floats = make([]float64, b.Len)
	present := make(columnar.Bitmap, (b.Len+63)/64)
	for i := from; i < to; i++ {
		at := int(s.slots[i] - b.First)
		b.Floats[at] = s.values[i]
		present[at/64] |= 1 << (at % 64)
	}
	if to-from < b.Len {
		b.Present = present
	}
	return b
}

// same decodes a block and compares.
func same(b *columnar.Block, src []byte, series columnar.Series, number int64) error {
	var got columnar.Block
	if err := columnar.DecodeBlock(&got, src, series, number, columnar.AllParts); err != nil {
		return err
	}
	for i := range b.Len {
		if b.Has(i) != got.Has(i) || b.Has(i) && math.Float64bits(b.Floats[i]) != math.Float64bits(got.Floats[i]) {
			return errChanged
		}
	}
	return nil
}

// time measures the first blocks over and over, for a fifth of a second each way.
func (r *row) time(series columnar.Series, blocks []*columnar.Block, encoded [][]byte) {
	repeat := func(do func(i int)) float64 {
		samples, start := 0, time.Now()
		for i := 0; time.Since(start) < time.Second/5; i++ {
			at := i % len(blocks)
			do(at)
			samples += blocks[at].Count()
		}
		return float64(samples) / time.Since(start).Seconds() / 1e6
	}
	var dst []byte
	r.encode = repeat(func(i int) { dst, _ = columnar.AppendBlock(dst[:0], blocks[i], codec.Auto, series) })
	d, got := columnar.NewBlockDecoder(), columnar.Block{}
	r.decode = repeat(func(i int) {
		_ = d.Decode(&got, encoded[i], series, series.Grid.Block(blocks[i].First), columnar.AllParts)
	})
}
