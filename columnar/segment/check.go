package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/trellisdb/trellis/columnar"
)

// Damage is something in a segment that is not as it should be.
type Damage struct {
	Series int64 // id; 0: of no series in particular
	Block  int64 // number, where InBlock is set
	// InBlock says that the damage is that of one block; the others of its series can
	// be read.
	InBlock bool
	Err     error // wraps columnar.ErrCorrupt; names neither segment nor series nor block
}

// Checked is what Check has read.
type Checked struct {
	Checksum uint32 // CRC32C of all bytes
	Series   int64
	Blocks   int64
	Samples  int64 // in blocks that could be decoded
	From, To int64 // instants that the blocks span
}

// Check reads every byte of a segment once and decodes every block. It verifies
// every checksum, computes the summaries of each block anew and compares them, and
// all nodes of the trees above them, bit for bit with those of the index. It goes on
// behind damage as far as that is possible and calls damage for each.
//
// It calls block for every block that could be decoded, which is valid during the
// call, and ends with the error that this returns. Other errors are those of the
// io.ReaderAt.
func Check(r *Reader, block func(x *Index, i int, b *columnar.Block) error, damage func(Damage)) (Checked, error) {
	c := checker{r: r, block: block, damage: damage, decoder: columnar.NewBlockDecoder()}
	c.From, c.To = math.MaxInt64, math.MinInt64
	err := c.run()
	return c.Checked, r.wrap(err)
}

// checker reads a segment front to back.
type checker struct {
	Checked
	r       *Reader
	block   func(x *Index, i int, b *columnar.Block) error
	damage  func(Damage)
	decoder *columnar.BlockDecoder
	decoded columnar.Block
	buf     []byte
	at      int64 // how far the checksum has come
}

func (c *checker) run() error {
	head, err := c.next(headerLen)
	if err != nil {
		return err
	}
	if err := checkHeader(head, c.r.format); err != nil {
		c.damage(Damage{Err: err})
	}
	for i := range c.r.series {
		s := &c.r.series[i]
		c.Series++
		c.Blocks += int64(s.Blocks)
		c.From, c.To = min(c.From, s.From()), max(c.To, s.To())
		x, err := c.r.index(s)
		switch {
		case errors.Is(err, columnar.ErrCorrupt):
			c.damage(Damage{Series: s.ID, Err: fmt.Errorf("index: %w", err)})
		case err != nil:
			return err
		default:
			if err := c.series(s, x); err != nil {
				return err
			}
		}
		if err := c.skip(s.offset + s.length); err != nil {
			return err
		}
	}
	return c.skip(c.r.size)
}

// next reads the next n bytes of the segment and adds them to its checksum.
func (c *checker) next(n int64) ([]byte, error) {
	src, err := c.r.read(c.at, n, c.buf)
	if err != nil {
		return nil, err
	}
	c.buf = src
	c.Checksum = crc32.Update(c.Checksum, castagnoli, src)
	c.at += n
	return src, nil
}

// skip reads up to an offset.
func (c *checker) skip(offset int64) error {
	for c.at < offset {
		if _, err := c.next(min(offset-c.at, verifyLen)); err != nil {
			return err
		}
	}
	return nil
}

// series decodes the blocks of a series and makes its index anew.
func (c *checker) series(s *SeriesInfo, x *Index) error {
	again := newIndexBuilder(x.series, x.start)
	samples, lost := int64(0), false
	for from, to := 0, 0; from < x.Len(); from = to {
		for to = from + 1; to < x.Len() && x.ends[to]-x.offset(from) <= verifyLen; {
			to++
		}
		src, err := c.next(x.ends[to-1] - x.offset(from))
		if err != nil {
			return err
		}
		run := Run{index: x, from: from, to: to, src: src}
		for i := from; i < to; i++ {
			sums := x.Summaries(i) // of a block that cannot be decoded
			err := run.decode(c.decoder, i, &c.decoded, columnar.AllParts)
			if err != nil {
				lost = true
				c.damage(Damage{Series: s.ID, Block: x.Block(i), InBlock: true, Err: err})
			} else {
				samples += int64(c.decoded.Count())
				sums = columnar.SummarizeAll(&c.decoded)
				if err := c.block(x, i, &c.decoded); err != nil {
					return err
				}
			}
			again.add(x.Block(i), x.Version(i), x.ends[i], 0, &sums)
		}
	}
	c.Samples += samples
	if !lost && samples != s.Samples {
		c.damage(Damage{Series: s.ID, Err: fmt.Errorf("%w: the footer says %d samples, the blocks have %d", columnar.ErrCorrupt, s.Samples, samples)})
	}
	c.compare(x, again.build())
	return nil
}

// compare compares the summaries of an index with those that were made anew.
func (c *checker) compare(x, again *Index) {
	for depth := range x.levels {
		found := false
		for node := range x.levels[depth].nodes {
			have, want := x.summaries(depth, node), again.summaries(depth, node)
			if sameSummaries(&have, &want) {
				continue
			}
			found = true
			low, high := x.entries(depth, node, node+1)
			d := Damage{Series: x.series.ID, Block: x.Block(low), InBlock: depth == 0}
			if d.Err = fmt.Errorf("%w: the summaries are not those of the samples", columnar.ErrCorrupt); depth > 0 {
				d.Err = fmt.Errorf("%w: blocks %d to %d: node %d of level %d is not what their summaries merge to", columnar.ErrCorrupt,
					x.Block(low), x.Block(high-1), node, depth)
			}
			c.damage(d)
		}
		if found {
			return // what stands above is wrong for that reason
		}
	}
}

// sameSummaries reports whether two are the same in every bit.
func sameSummaries(a, b *columnar.Summaries) bool {
	return sameSummary(a.Good, b.Good) && sameSummary(a.Uncertain, b.Uncertain) && sameSummary(a.Bad, b.Bad) && sameSummary(a.Usable, b.Usable)
}

func sameSummary(a, b *columnar.Summary) bool {
	if a == nil || b == nil {
		return a == b
	}
	for _, pair := range [][2]float64{{a.Min, b.Min}, {a.Max, b.Max}, {a.First, b.First}, {a.Last, b.Last}} {
		if math.Float64bits(pair[0]) != math.Float64bits(pair[1]) {
			return false
		}
	}
	return a.Count == b.Count && a.Values == b.Values && a.Sum.Equal(b.Sum) && a.Squares.Equal(b.Squares) &&
		a.MinSlot == b.MinSlot && a.MaxSlot == b.MaxSlot && a.FirstSlot == b.FirstSlot && a.LastSlot == b.LastSlot &&
		a.Resets.Equal(b.Resets) && a.Steps.Equal(b.Steps) && a.Lines.Equal(b.Lines) && a.Transitions == b.Transitions
}
