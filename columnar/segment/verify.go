package segment

// verifyLen is about the number of bytes of blocks that Verify reads at once.
const verifyLen = 1 << 20

// Verify reads a whole segment, verifies every checksum and looks at the structure
// of indexes and blocks. It does not decode values. It returns the first damage,
// which wraps columnar.ErrCorrupt, or nil.
func Verify(r *Reader) error { return r.wrap(r.verify()) }

func (r *Reader) verify() error {
	head, err := r.read(0, headerLen, nil)
	if err != nil {
		return err
	}
	if err := checkHeader(head, r.format); err != nil {
		return err
	}
	// Open has verified the footer and the trailer.
	var buf []byte
	for i := range r.series {
		x, err := r.index(&r.series[i])
		if err != nil {
			return err
		}
		if buf, err = r.verifyBlocks(x, buf); err != nil {
			return err
		}
	}
	return nil
}

// verifyBlocks verifies the blocks of a series. It reads into buf, and returns it
// or a larger one.
func (r *Reader) verifyBlocks(x *Index, buf []byte) ([]byte, error) {
	for from, to := 0, 0; from < x.Len(); from = to {
		for to = from + 1; to < x.Len() && x.ends[to]-x.offset(from) <= verifyLen; {
			to++
		}
		src, err := r.read(x.offset(from), x.offset(to)-x.offset(from), buf)
		if err != nil {
			return buf, err
		}
		buf = src
		run := Run{index: x, from: from, to: to, src: src}
		for i := from; i < to; i++ {
			if _, err := x.scan(i, run.Block(i)); err != nil {
				return buf, err
			}
		}
	}
	return buf, nil
}
