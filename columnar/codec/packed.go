package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// prepare chooses the frame of integers and leaves their residuals in the level's
// scratch space.
func (e *Encoder) prepare(v []int64, s survey, depth int) frame {
	lv := &e.levels[depth]
	step, numbers := uint64(1), v
	if s.max-s.min > 0 { // else their differences overflow
		step = commonStep(v)
	}
	if step > 1 {
		lv.numbers = resize(lv.numbers, len(v))
		numbers = lv.numbers
		for i, x := range v {
			numbers[i] = (x - v[0]) / int64(step)
		}
	}
	f := fit(numbers)
	f.step, f.origin = step, v[0]
	lv.residuals = resize(lv.residuals, len(v))
	f.residuals(lv.residuals, numbers)
	return f
}

// commonStep is the greatest common divisor of all differences to the first
// integer.
func commonStep(v []int64) uint64 {
	g := uint64(0)
	fold := func(x int64) {
		d := x - v[0]
		if d < 0 {
			d = -d
		}
		for b := uint64(d); b != 0; {
			g, b = b, g%b
		}
	}
	for at := 0; at < len(v) && g != 1; at += 1 + len(v)/64 {
		fold(v[at])
	}
	for i := 0; i < len(v) && g > 1; i++ {
		if d := uint64(v[i] - v[0]); int64(d) < 0 || d%g != 0 {
			fold(v[i])
		}
	}
	return max(g, 1)
}

// framePlan is what a frame's residuals cost.
type framePlan struct {
	zigzagLens [65]int32 // how many zigzag codes have so many bits
	packedSize int       // bytes, estimated
	width      int
	unsigned   bool // packing as unsigned codes over the least residual is smaller
	least      int64
}

// planFrame weighs how to pack the residuals that prepare left: zigzag around the
// frame's base or unsigned over the least one, at the width where codes and
// exceptions together are smallest.
func planFrame(f frame, lv *level) framePlan {
	var p framePlan
	r := lv.residuals
	p.least = r[0]
	most := r[0]
	for _, x := range r {
		p.least, most = min(p.least, x), max(most, x)
		p.zigzagLens[bits.Len64(zigzag(x-f.base))]++
	}
	width, cost := packedWidth(&p.zigzagLens)
	p.width, p.packedSize = width, cost
	if full := bits.Len64(uint64(most - p.least)); packedSize(len(r), full-1) < cost+8 {
		// Unsigned codes need one bit less at best, so they are counted only
		// where that can win.
		var lens [65]int32
		for _, x := range r {
			lens[bits.Len64(uint64(x-p.least))]++
		}
		if w, c := packedWidth(&lens); c < p.packedSize || (c == p.packedSize && f.predictor == none) {
			p.width, p.packedSize, p.unsigned = w, c, true
		}
	}
	p.packedSize += 16
	return p
}

// packedWidth chooses the width for codes with these bit lengths and gives the
// bytes that they take, exceptions included.
func packedWidth(lens *[65]int32) (width, bytes int) {
	total := 0
	for _, n := range lens {
		total += int(n)
	}
	best, bestCost := 64, 1<<62
	exceptions, exceptionBytes := 0, 0
	for w := 64; w >= 0; w-- {
		gap := 1
		if exceptions > 0 && total/exceptions > 100 {
			gap = 2
		}
		exceptionBytes = 0
		for l := w + 1; l <= 64; l++ {
			exceptionBytes += int(lens[l]) * (gap + (l-w+6)/7)
		}
		if cost := packedSize(total, w) + exceptionBytes; cost <= bestCost {
			best, bestCost = w, cost
		}
		exceptions += int(lens[w])
		if exceptions > total/8 {
			break
		}
	}
	return best, bestCost
}

// appendFramed appends integers whose residuals prepare has left behind.
func (e *Encoder) appendFramed(dst []byte, c Codec, f frame, v []int64, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	lv.codes = resize(lv.codes, len(v))
	plan := planFrame(f, lv)
	switch c {
	case Planes:
		f.codes(lv.codes, lv.residuals)
		return e.appendPlanes(dst, f, lv, true), true
	case Split:
		if depth < maxDepth {
			f.codes(lv.codes, lv.residuals)
			return e.appendSplit(dst, f, splitWidth(&plan.zigzagLens, len(v)), depth)
		}
	}
	if plan.unsigned {
		f.zigzag, f.base = false, plan.least
	}
	f.codes(lv.codes, lv.residuals)
	return appendPackedColumn(dst, f, plan.width, lv), false
}

// codes turns residuals into codes.
func (f *frame) codes(dst []uint64, residuals []int64) {
	dst = dst[:len(residuals)]
	if f.zigzag {
		for i, r := range residuals {
			dst[i] = zigzag(r - f.base)
		}
		return
	}
	for i, r := range residuals {
		dst[i] = uint64(r - f.base)
	}
}

// appendPackedColumn appends the level's codes at width bits, with exceptions.
func appendPackedColumn(dst []byte, f frame, width int, lv *level) []byte {
	dst = f.append(append(dst, header(integers, Packed, false)))
	dst = append(dst, byte(width))
	exceptions, patch := 0, lv.bytes[:0]
	if width < 64 {
		last, mask := -1, uint64(1)<<width-1
		for i, c := range lv.codes {
			if c > mask {
				patch = binary.AppendUvarint(patch, uint64(i-last-1))
				patch = binary.AppendUvarint(patch, c>>width)
				lv.codes[i] = c & mask
				last = i
				exceptions++
			}
		}
	}
	lv.bytes = patch
	dst = binary.AppendUvarint(dst, uint64(exceptions))
	dst = appendPacked(dst, lv.codes, width)
	return append(dst, patch...)
}

// decodePacked reads what appendPackedColumn wrote after the header.
func decodePacked(dst []int64, r *reader) error {
	f := readFrame(r)
	width := r.u8("width", 64)
	exceptions := r.count("exceptions", len(dst))
	packed := r.take("codes", packedSize(len(dst), width))
	if r.err != nil {
		return r.err
	}
	codes := asUint64s(dst)
	unpack(codes, packed, width)
	at := -1
	for range exceptions {
		gap := r.uvarint("exception")
		high := r.uvarint("exception")
		if gap >= uint64(len(codes)-at-1) {
			return fmt.Errorf("%w: exception after the last value", ErrCorrupt)
		}
		at += int(gap) + 1
		codes[at] |= high << width
	}
	if err := r.end(); err != nil {
		return err
	}
	f.restore(dst)
	return nil
}
