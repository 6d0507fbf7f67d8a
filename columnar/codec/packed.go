package codec

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// prepare chooses the frame of integers, leaves their residuals in the level's
// scratch space and plans how to pack them.
func (e *Encoder) prepare(v []int64, s survey, depth int) framePlan {
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
	return planFrame(f, lv)
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

// framePlan is a frame and what its residuals cost.
type framePlan struct {
	frame      frame     // of zigzag codes
	zigzagLens [65]int32 // how many of them have so many bits
	base       int64     // of packed codes
	width      int       // of packed codes
	size       int       // bytes when packed, estimated
}

// planFrame weighs how to pack the residuals that prepare left: in a window of
// 2^width around the frame's base or from the least residual on, at the width
// where codes and exceptions together are smallest.
func planFrame(f frame, lv *level) framePlan {
	p := framePlan{frame: f}
	r := lv.residuals
	least, most := r[0], r[0]
	for _, x := range r {
		least, most = min(least, x), max(most, x)
		p.zigzagLens[bits.Len64(zigzag(x-f.base))]++
	}
	p.width, p.size = packedWidth(&p.zigzagLens)
	p.base = f.base
	if p.width > 0 {
		p.base -= 1 << (p.width - 1)
	}
	if full := bits.Len64(uint64(most - least)); packedSize(len(r), full-2) < p.size {
		// Only then can a window with all outliers on one side be smaller.
		var lens [65]int32
		for _, x := range r {
			lens[bits.Len64(uint64(x-least))]++
		}
		if w, size := packedWidth(&lens); size <= p.size {
			p.base, p.width, p.size = least, w, size
		}
	}
	p.size += 16
	return p
}

// packedWidth chooses the width for codes with these bit lengths and gives the
// bytes that they take, exceptions included.
func packedWidth(lens *[65]int32) (width, bytes int) {
	total := 0
	for _, n := range lens {
		total += int(n)
	}
	top := 64
	for top > 0 && lens[top] == 0 {
		top--
	}
	best, bestCost := top, packedSize(total, top)
	for w, exceptions := top-1, int(lens[top]); w >= 0 && exceptions <= total/8; w-- {
		gap := 1
		if total/exceptions > 100 {
			gap = 2
		}
		cost := packedSize(total, w) + exceptions*gap
		for l := w + 1; l <= top; l++ {
			cost += int(lens[l]) * ((l - w + 7) / 7)
		}
		if cost <= bestCost {
			best, bestCost = w, cost
		}
		exceptions += int(lens[w])
	}
	return best, bestCost
}

// appendFramed appends integers as prepare has planned.
func (e *Encoder) appendFramed(dst []byte, c Codec, p *framePlan, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	f := p.frame
	switch {
	case c == Planes:
		f.codes(lv)
		return e.appendPlanes(dst, f, lv, true), true
	case c == Split && depth < maxDepth:
		f.codes(lv)
		return e.appendSplit(dst, f, splitWidth(&p.zigzagLens, len(lv.codes)), depth)
	}
	f.zigzag, f.base = false, p.base
	f.codes(lv)
	return appendPackedColumn(dst, f, p.width, lv), false
}

// tryUnpredicted enters integers packed over the least of them into the contest,
// where that is smaller than what a predictor leaves: it has no exceptions.
func (e *Encoder) tryUnpredicted(c *contest, p *framePlan, v []int64, s survey, depth int) {
	width := bits.Len64(uint64(s.max - s.min))
	if len(v) < zstdMin || p.frame.predictor == none || p.frame.step > 1 || packedSize(len(v), width)+16 > c.size() {
		return
	}
	lv := &e.levels[depth]
	lv.codes = resize(lv.codes, len(v))
	for i, x := range v {
		lv.codes[i] = uint64(x - s.min)
	}
	lv.trial = appendPackedColumn(lv.trial[:0], frame{base: s.min}, width, lv)
	c.offer(lv.trial, false)
}

// codes turns the level's residuals into its codes.
func (f frame) codes(lv *level) {
	residuals := lv.residuals
	lv.codes = resize(lv.codes, len(residuals))
	dst := lv.codes
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

// appendPackedColumn appends the level's codes at width bits. Codes outside that
// window, on either side, are exceptions: their bits above width, as a signed
// number, come after the others.
func appendPackedColumn(dst []byte, f frame, width int, lv *level) []byte {
	dst = f.append(append(dst, header(integers, Packed, false)))
	dst = append(dst, byte(width))
	exceptions, patch := 0, lv.bytes[:0]
	if width < 64 {
		last, mask := -1, uint64(1)<<width-1
		for i, c := range lv.codes {
			if c > mask {
				patch = binary.AppendUvarint(patch, uint64(i-last-1))
				patch = appendVarint(patch, int64(c)>>width)
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

// unpackColumn reads what appendPackedColumn wrote after the header: the frame, and
// into dst the codes.
func unpackColumn(dst []int64, r *reader) (f frame, err error) {
	f = readFrame(r)
	width := r.u8("width", 64)
	exceptions := r.count("exceptions", len(dst))
	packed := r.take("codes", packedSize(len(dst), width))
	if r.err != nil {
		return f, r.err
	}
	codes := asUint64s(dst)
	unpack(codes, packed, width)
	at := -1
	for range exceptions {
		gap := r.uvarint("exception")
		high := r.varint("exception")
		if gap >= uint64(len(codes)-at-1) {
			return f, fmt.Errorf("%w: exception after the last value", ErrCorrupt)
		}
		at += int(gap) + 1
		codes[at] |= uint64(high) << width
	}
	return f, r.end()
}
