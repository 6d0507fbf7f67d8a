package codec

import (
	"fmt"
	"math"
)

// appendSplit appends the level's codes in two: the low bits, which look random
// and are packed, and the bits above as a column of their own.
func (e *Encoder) appendSplit(dst []byte, f frame, width, depth int) ([]byte, bool) {
	lv := &e.levels[depth]
	dst = f.append(append(dst, header(integers, Split, false)))
	dst = append(dst, byte(width))
	high, mask := resize(lv.indexes, len(lv.codes)), uint64(1)<<width-1
	lv.indexes = high
	for i, c := range lv.codes {
		high[i] = int64(c >> width)
		lv.codes[i] = c & mask
	}
	dst = appendPacked(dst, lv.codes, width)
	return e.appendHigh(dst, high, depth+1)
}

// appendHigh appends the upper parts of codes, small integers without order:
// packed, by a short dictionary, or as planes under zstd.
func (e *Encoder) appendHigh(dst []byte, high []int64, depth int) ([]byte, bool) {
	s := surveyInts(high)
	if s.min == s.max {
		return e.appendIntsAs(dst, high, Constant, depth)
	}
	lv := &e.levels[depth]
	c := contest{dst: dst, start: len(dst)}
	lv.residuals = append(lv.residuals[:0], high...)
	plan := planFrame(frame{}, lv)
	lv.trial, _ = e.appendFramed(lv.trial[:0], Packed, &plan, depth)
	c.offer(lv.trial, false)
	if depth < maxDepth {
		const short = 64
		if column, z, ok := e.appendIntDictionary(lv.trial[:0], high, frequent, depth, short); ok {
			lv.trial = column
			c.offer(column, z)
		}
	}
	if len(high) >= zstdMin && !e.quick {
		frame{}.codes(lv)
		lv.trial = e.appendPlanes(lv.trial[:0], frame{}, lv, true)
		c.offer(lv.trial, true)
	}
	return c.dst, c.slow
}

func (d *Decoder) split(dst []int64, r *reader, depth int) (frame, error) {
	f := readFrame(r)
	width := r.u8("width", 63)
	packed := r.take("low bits", packedSize(len(dst), width))
	if r.err != nil {
		return f, r.err
	}
	if depth >= maxDepth {
		return f, fmt.Errorf("%w: nested too deep", ErrCorrupt)
	}
	lv := &d.levels[depth]
	lv.ints = resize(lv.ints, len(dst))
	if err := d.ints(lv.ints, r.rest(), asIntegers, depth+1); err != nil {
		return f, err
	}
	unpack(asUint64s(dst), packed, width)
	shift := uint(width) & 63
	for i, high := range lv.ints[:len(dst)] {
		dst[i] |= high << shift
	}
	return f, nil
}

// tryFront enters the form of ALP-RD into the contest, for real doubles that no
// predictor foresees: the 52 bits of their mantissas packed, and before them signs
// and exponents, of which there are few.
func (e *Encoder) tryFront(c *contest, p *framePlan, v []int64, depth int) {
	const mantissa = 52
	if p.frame.predictor != none || p.frame.step > 1 || p.width <= mantissa || depth >= maxDepth {
		return
	}
	lv := &e.levels[depth]
	lv.codes = append(lv.codes[:0], asUint64s(v)...)
	e.quick = true // what is gained is too little for zstd
	column, z := e.appendSplit(lv.trial[:0], frame{}, mantissa, depth)
	e.quick = false
	lv.trial = column
	c.offer(column, z)
}

// splitWidth is how many low bits of codes with these bit lengths to keep apart:
// all but about a byte of the usual ones.
func splitWidth(lens *[65]int32, n int) int {
	above, width := 0, 64
	for width > 0 && above+int(lens[width]) <= n/64 {
		above += int(lens[width])
		width--
	}
	return max(width-8, 0)
}

// symbolBits is what a symbol takes in the table of an entropy coder, and what a
// sample of few values hides of its entropy.
const symbolBits = 5

// entropyBits estimates the bits per value that an entropy coder leaves of codes
// shifted right by width, counting what does not fit a byte with two bytes more,
// and its table of symbols.
func entropyBits(codes []uint64, width int) float64 {
	var counts [256]int32
	large, n, stride := 0, 0, 1+len(codes)/2048
	for i := 0; i < len(codes); i += stride {
		c := codes[i] >> width
		if c > 255 {
			large++
			c = 255
		}
		counts[c]++
		n++
	}
	bits, tableBits := 0.0, 0.0
	for _, c := range counts {
		if c > 0 {
			bits -= float64(c) * math.Log2(float64(c)/float64(n))
			tableBits += symbolBits
		}
	}
	return (bits+16*float64(large))/float64(n) + tableBits/float64(len(codes))
}

// inexact is by how much an estimate may be wrong.
const inexact = 1.05

// tryZstd enters the encodings that need zstd into the contest, where estimates
// say that they can win.
func (e *Encoder) tryZstd(c *contest, p *framePlan, v []int64, s survey, depth int) {
	lv := &e.levels[depth]
	n := len(v)
	p.frame.codes(lv)
	goal := float64(c.size()) * (1 - 1.0/slowGain)

	// What order-0 entropy promises, with the low bits apart.
	width := splitWidth(&p.zigzagLens, n)
	order0 := (entropyBits(lv.codes, width)+float64(width))*float64(n)/8 + 24

	// What repetition promises, by compressing a stretch of the values themselves
	// and one of the planes of their codes.
	stretch := min(n, zstdSample)
	from := (n - stretch) / 2
	scale := float64(n) / float64(stretch)
	words, planes := math.Inf(1), math.Inf(1)
	if wordBytes := wordWidth(s); repeats(asUint64s(v[from:from+stretch]), 8/wordBytes) {
		lv.trial = e.appendWords(lv.trial[:0], v[from:from+stretch], s, lv, true)
		words = float64(len(lv.trial)) * scale
	}
	if width == 0 || order0 < goal*inexact || repeats(lv.codes[from:from+stretch], 4) {
		all := lv.codes
		lv.codes = all[from : from+stretch]
		lv.trial = e.appendPlanes(lv.trial[:0], p.frame, lv, true)
		lv.codes = all
		planes = float64(len(lv.trial)) * scale
	}

	if order0 < goal*inexact && order0 < planes*inexact && depth < maxDepth && width > 0 {
		column, z := e.appendSplit(lv.trial[:0], p.frame, width, depth)
		lv.trial = column
		c.offer(column, z)
		p.frame.codes(lv)
	}
	if planes < goal*inexact && planes <= words*inexact*inexact {
		lv.trial = e.appendPlanes(lv.trial[:0], p.frame, lv, true)
		c.offer(lv.trial, true)
	}
	if words < goal*inexact && words <= planes*inexact*inexact {
		e.thorough = true
		lv.trial = e.appendWords(lv.trial[:0], v, s, lv, true)
		e.thorough = false
		c.offer(lv.trial, true)
	}
}

// repeats reports whether many sequences of count values occur a second time, so
// that it pays to ask zstd.
func repeats(v []uint64, count int) bool {
	var seen [1024]uint32
	found := 0
	const prime = 0x9e3779b97f4a7c15
	for i := 0; i+count <= len(v); i++ {
		h := uint64(count)
		for _, x := range v[i : i+count] {
			h = (h ^ x) * prime
			h ^= h >> 32
		}
		at, tag := h>>54, uint32(h)|1
		if seen[at] == tag {
			found++
		}
		seen[at] = tag
	}
	return found > len(v)/64
}
