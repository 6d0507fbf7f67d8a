package store

import (
	"context"
	"time"

	"github.com/trellisdb/trellis/columnar/segment"
)

// copier copies blocks from segment to segment, as they are stored. It reads runs
// of neighbours at once and checks every checksum.
type copier struct {
	rate int64 // bytes per second; 0: as fast as can be
}

// copy calls add for the blocks of a place for which keep is true, in order, with
// what version of them says. Bytes are copied: the block is add's.
func (c *copier) copy(ctx context.Context, at place, keep func(number int64) bool, version func(entry int) int64, add func(*encodedBlock) error) error {
	reader, err := at.segment.open(ctx)
	if err != nil {
		return err
	}
	for from := at.from; from < at.to; {
		to, bytes := from, int64(0)
		for ; to < at.to && (to == from || bytes+at.index.Entry(to).Length <= readAhead); to++ {
			bytes += at.index.Entry(to).Length
		}
		run, err := readChecked(reader, at.index, from, to)
		if at.segment.again(err) {
			run, err = readChecked(reader, at.index, from, to)
		}
		if err != nil {
			return err
		}
		if err := c.copyRun(at, run, from, to, keep, version, add); err != nil {
			return err
		}
		if err := c.pace(ctx, bytes); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// readChecked reads a run of blocks that are not damaged. The writer would find that they
// are, too, but could not say where they come from.
func readChecked(reader *segment.Reader, index *segment.Index, from, to int) (segment.Run, error) {
	run, err := reader.ReadRun(index, from, to, nil)
	for i := from; err == nil && i < to; i++ {
		err = run.Check(i)
	}
	return run, err
}

func (c *copier) copyRun(at place, run segment.Run, from, to int, keep func(number int64) bool, version func(entry int) int64, add func(*encodedBlock) error) error {
	for i := from; i < to; i++ {
		number := at.index.Block(i)
		if !keep(number) {
			continue
		}
		b := &encodedBlock{
			series: at.index.Series(), number: number, version: version(i), bytes: run.Block(i), summaries: at.index.Summaries(i),
		}
		if err := add(b); err != nil {
			return err
		}
	}
	return nil
}

// pace waits for as long as bytes should have taken.
func (c *copier) pace(ctx context.Context, bytes int64) error {
	if c.rate <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(time.Duration(float64(bytes) / float64(c.rate) * float64(time.Second))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// all keeps every block.
func all(int64) bool { return true }
