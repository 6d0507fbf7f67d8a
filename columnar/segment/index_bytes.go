package segment

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/trellisdb/trellis/columnar"
)

// appendIndex appends the index' bytes, with their checksum, to dst. The layout
// stands in the package comment.
func appendIndex(dst []byte, x *Index, f format) ([]byte, error) {
	start := len(dst)
	a := appender{dst: dst}
	a.varint(x.series.ID)
	a.uvarint(uint64(x.Len()))
	a.uvarint(uint64(len(x.runs)))
	a.varint(x.runs[0].block)
	if len(x.runs) > 1 {
		var lengths, gaps []int64
		for k, r := range x.runs[1:] {
			before := x.runs[k]
			length := int64(r.entry - before.entry)
			lengths = append(lengths, length-1)
			gaps = append(gaps, r.block-before.block-length-1)
		}
		a.ints(lengths)
		a.ints(gaps)
	}
	lengths := make([]int64, x.Len())
	for i := range lengths {
		lengths[i] = x.ends[i] - x.offset(i)
	}
	a.ints(lengths)
	for i := range x.levels {
		l := &x.levels[i]
		for _, c := range l.classes {
			a.class(c, l.nodes)
		}
	}
	if f.has(withVersions) {
		versions := make([]int64, x.Len())
		for i := range versions {
			versions[i] = x.Version(i)
		}
		a.ints(versions)
	}
	if f.has(withSums) {
		a.checksums(x.sums)
	}
	if a.err != nil {
		return dst, fmt.Errorf("series %d: index: %w", x.series.ID, a.err)
	}
	return seal(a.dst, start), nil
}

// The columns of a class, as bits of its mask.
const (
	maskThere   = iota // some node has samples of the class
	maskWith           // not all have
	maskLacking        // lacking is not zeros
	maskVoids          // voids is not zeros
	maskValued         // valued is not with
	maskSums           // five bits, for sums that are not zeros
	maskFloats  = maskSums + 5
	maskInts    = maskFloats + 4 // five bits, for integers that are not zeros
	maskBits    = maskInts + 5
)

// class appends a class of a level of so many nodes.
func (a *appender) class(c *class, nodes int) {
	with, valued := c.with.len(nodes), c.valued.len(nodes)
	if with == 0 {
		a.uvarint(0)
		return
	}
	mask := uint64(1) << maskThere
	also := func(bit int, there bool) {
		if there {
			mask |= 1 << bit
		}
	}
	also(maskWith, !c.with.all)
	also(maskLacking, !c.lacking.zero())
	also(maskVoids, !c.voids.zero())
	also(maskValued, valued != with)
	for k, s := range c.sums() {
		also(maskSums+k, !s.zero())
	}
	for k, f := range c.floats() {
		also(maskFloats+k, len(*f) != 0)
	}
	for k, i := range c.ints() {
		also(maskInts+k, !i.zero())
	}
	a.uvarint(mask)
	if !c.with.all {
		a.bits(c.with.bitmap(nodes), nodes)
	}
	if !c.lacking.zero() {
		a.ints(c.lacking.unpack(with))
	}
	if !c.voids.zero() {
		a.ints(c.voids.unpack(with))
	}
	if valued != with {
		a.bits(c.valued.bitmap(nodes), nodes)
	}
	for _, s := range c.sums() {
		if !s.zero() {
			a.sums(s, valued)
		}
	}
	for _, f := range c.floats() {
		if len(*f) != 0 {
			a.floats(*f)
		}
	}
	for _, i := range c.ints() {
		if !i.zero() {
			a.ints(i.unpack(valued))
		}
	}
}

// How a column of terms is written, two bits each in the first byte of sums.
const (
	termsZero   = iota // not at all
	termsFloats        // as floats
	termsScaled        // as integers, to be multiplied by a power of two
	termsBits   = 2
	sumsLong    = 1 << (inlineTerms * termsBits) // some sums have more terms
)

// sums appends a column of exact sums.
func (a *appender) sums(s *sums, n int) {
	var form uint64
	var scaled [inlineTerms][]int64
	var exponents [inlineTerms]int
	for k, terms := range s.terms {
		if terms == nil {
			continue
		}
		form |= termsFloats << (k * termsBits)
		if k == 0 {
			continue // the whole precision of a float64: floats are shorter
		}
		if v, exponent, ok := scaleDown(terms); ok {
			scaled[k], exponents[k] = v, exponent
			form += (termsScaled - termsFloats) << (k * termsBits)
		}
	}
	if s.long != nil {
		form |= sumsLong
	}
	a.uvarint(form)
	for k, terms := range s.terms {
		switch form >> (k * termsBits) & (1<<termsBits - 1) {
		case termsFloats:
			a.floats(terms)
		case termsScaled:
			a.varint(int64(exponents[k]))
			a.ints(scaled[k])
		}
	}
	if s.long != nil {
		long, counts := make([]int64, len(s.long)), make([]int64, len(s.long))
		for i := range s.long {
			long[i], counts[i] = int64(s.long[i]), int64(len(s.restOf(i)))
		}
		a.uvarint(uint64(len(long)))
		a.uvarint(uint64(len(s.rest)))
		a.ints(long)
		a.ints(counts)
		a.floats(s.rest)
	}
}

// scaleDown returns integers that give the terms when they are multiplied by
// 2^exponent. ok is false where there are none of at most 62 bits.
func scaleDown(terms []float64) (scaled []int64, exponent int, ok bool) {
	exponent, top := math.MaxInt, math.MinInt
	for _, t := range terms {
		if t == 0 {
			continue
		}
		fraction, e := math.Frexp(t)
		low := e - 53 + bits.TrailingZeros64(uint64(int64(math.Abs(fraction)*(1<<53))))
		exponent, top = min(exponent, low), max(top, e)
	}
	if top-exponent > 62 {
		return nil, 0, false
	}
	scaled = make([]int64, len(terms))
	for i, t := range terms {
		scaled[i] = int64(math.Ldexp(t, -exponent))
	}
	return scaled, exponent, true
}

// decodeIndex decodes the index of a series. Where visit is set it is told of
// every field.
func decodeIndex(src []byte, s *SeriesInfo, visit visitor) (*Index, error) {
	x := &Index{series: s.Series, start: s.offset}
	body, err := unseal(src)
	if err == nil && s.format.has(withSums) && storedSum(src) != s.indexSum {
		err = fmt.Errorf("%w: it is not the index of this segment: its checksum is %08x, the footer says %08x", columnar.ErrCorrupt, storedSum(src), s.indexSum)
	}
	if err == nil {
		c := cursor{src: body, visit: visit}
		x.decode(&c, s)
		err = c.end()
	}
	if err != nil {
		return nil, fmt.Errorf("series %d: index: %w", s.ID, err)
	}
	x.account()
	return x, nil
}

// decode reads the index of a series.
func (x *Index) decode(c *cursor, s *SeriesInfo) {
	if id := c.varint("series"); id != s.ID {
		c.fail("belongs to series %d", id)
	}
	if n := c.count("blocks", s.Blocks); n != s.Blocks {
		c.fail("%d blocks, not %d", n, s.Blocks)
	}
	x.readRuns(c, s.Blocks)
	x.readLengths(c, s.Blocks, s.length)
	if c.err == nil && (x.Block(0) != s.FirstBlock || x.Block(x.Len()-1) != s.LastBlock) {
		c.fail("blocks %d to %d, not %d to %d", x.Block(0), x.Block(x.Len()-1), s.FirstBlock, s.LastBlock)
	}
	for nodes := s.Blocks; c.err == nil; nodes = parent(nodes + fanOut - 1) {
		l := level{nodes: nodes}
		c.note("level %d: %d nodes", len(x.levels), nodes)
		for k := range l.classes {
			l.classes[k] = c.class(nodes, k, s.Type.Kind() == columnar.Texts)
		}
		l.check(c)
		x.levels = append(x.levels, l)
		if nodes == 1 {
			break
		}
	}
	if c.err == nil && s.format.has(withVersions) {
		x.readVersions(c, s.Blocks)
	}
	if c.err == nil && s.format.has(withSums) {
		x.sums = c.checksums("checksums of blocks", s.Blocks)
	}
}

// readVersions reads the versions of the blocks.
func (x *Index) readVersions(c *cursor, blocks int) {
	for i, v := range c.ints("versions", blocks) {
		if v < 0 {
			c.fail("block of version %d", v)
			return
		}
		x.addAge(i, v)
	}
}

// readRuns reads which blocks there are.
func (x *Index) readRuns(c *cursor, blocks int) {
	n := c.count("runs", blocks)
	first := c.varint("first block")
	if n == 0 {
		c.fail("no blocks")
		return
	}
	x.runs = []run{{block: first}}
	low, high := blockRange(x.series.Grid)
	last := run{block: first}
	if n > 1 {
		lengths, gaps := c.ints("run lengths", n-1), c.ints("gaps between runs", n-1)
		for k := range n - 1 {
			if c.err != nil {
				return
			}
			length := lengths[k] + 1
			if length < 1 || length > int64(blocks) || gaps[k] < 0 || gaps[k] > high-low {
				c.fail("run of %d blocks and a gap of %d", length, gaps[k]+1)
				return
			}
			last = run{block: last.block + length + gaps[k] + 1, entry: last.entry + int(length)}
			if last.entry >= blocks || last.block > high {
				c.fail("runs of more than %d blocks", blocks)
				return
			}
			x.runs = append(x.runs, last)
		}
	}
	if end := last.block + int64(blocks-last.entry) - 1; first < low || first > high || end > high || end < first {
		c.fail("blocks %d to %d are outside of time", first, end)
	}
}

// readLengths reads how long the blocks' bytes are.
func (x *Index) readLengths(c *cursor, blocks int, length int64) {
	lengths := c.ints("block lengths", blocks)
	end := int64(0)
	for i, n := range lengths {
		if n < columnar.MinEncodedBlock || n > length-end {
			c.fail("block of %d bytes at %d of %d", n, end, length)
			return
		}
		end += n
		lengths[i] = x.start + end
	}
	if end != length {
		c.fail("blocks of %d bytes, not %d", end, length)
	}
	x.ends = lengths
}

// blockRange returns the first and the last block that hold instants of the
// calendar.
func blockRange(g columnar.Grid) (low, high int64) {
	return g.Block(g.Slot(columnar.MinTime)), g.Block(g.Slot(columnar.MaxTime - 1))
}

var (
	sumNames   = [...]string{"sum", "squares", "resets", "steps", "lines"}
	floatNames = [...]string{"min", "max", "first", "last"}
	intNames   = [...]string{"min slot", "max slot", "first slot", "last slot", "transitions"}
)

// class reads class number k of a level of so many nodes.
func (c *cursor) class(nodes, k int, isText bool) *class {
	mask := c.uvarint("columns of "+classNames[k], 1<<maskBits-1)
	has := func(bit int) bool { return mask>>bit&1 != 0 }
	if !has(maskThere) {
		if mask != 0 {
			c.fail("columns of a class that is not there")
		}
		return &noClass
	}
	to := new(class)
	with := nodes
	to.with.all = true
	if has(maskWith) {
		to.with = setOf(c.bits("nodes with samples", nodes), nodes)
		with = to.with.len(nodes)
	}
	if has(maskLacking) {
		to.lacking = packInts(c.ints("samples lacking", with))
	}
	if has(maskVoids) {
		to.voids = packInts(c.ints("voids", with))
	}
	to.valued = to.with
	valued := with
	if has(maskValued) {
		to.valued = setOf(c.bits("nodes with values", nodes), nodes)
		valued = to.valued.len(nodes)
	}
	for i, s := range to.sums() {
		if has(maskSums + i) {
			c.sums(s, sumNames[i], valued)
		}
	}
	for i, f := range to.floats() {
		if has(maskFloats + i) {
			*f = c.floats(floatNames[i], valued)
		}
		if want := valued > 0 && k != usable && !isText; want != has(maskFloats+i) {
			c.fail("column %s is where it should not be, or is not where it should", floatNames[i])
		}
	}
	for i, v := range to.ints() {
		if has(maskInts + i) {
			*v = packInts(c.ints(intNames[i], valued))
		}
	}
	return to
}

// sums reads a column of n exact sums.
func (c *cursor) sums(s *sums, what string, n int) {
	form := c.uvarint("form of "+what, sumsLong<<1-1)
	for k := range s.terms {
		what := fmt.Sprintf("%s, term %d", what, k+1)
		switch form >> (k * termsBits) & (1<<termsBits - 1) {
		case termsZero:
		case termsFloats:
			s.terms[k] = c.floats(what, n)
		case termsScaled:
			exponent := c.varint(what + ", exponent")
			if exponent < -1200 || exponent > 1200 {
				c.fail("%s: exponent %d", what, exponent)
				return
			}
			s.terms[k] = scaleUp(c.ints(what, n), int(exponent))
		default:
			c.fail("%s: unknown form", what)
		}
	}
	if form&sumsLong == 0 {
		return
	}
	long := c.count("long sums", n)
	terms := c.count("their terms", long*maxTerms)
	nodes, counts := c.ints("which sums are long", long), c.ints("terms of long sums", long)
	s.rest = c.floats("terms", terms)
	end := int64(0)
	for i := range nodes {
		if c.err != nil {
			return
		}
		if nodes[i] < 0 || nodes[i] >= int64(n) || i > 0 && nodes[i] <= nodes[i-1] || counts[i] < 1 || counts[i] > int64(terms)-end {
			c.fail("long sum %d of %d terms", nodes[i], counts[i])
			return
		}
		end += counts[i]
		s.long, s.ends = append(s.long, int32(nodes[i])), append(s.ends, int32(end))
	}
	if end != int64(terms) {
		c.fail("%d terms of long sums, not %d", end, terms)
	}
}

// scaleUp is the inverse of scaleDown.
func scaleUp(scaled []int64, exponent int) []float64 {
	terms := make([]float64, len(scaled))
	if factor := math.Ldexp(1, exponent); factor >= 0x1p-1022 && factor <= math.MaxFloat64 {
		for i, v := range scaled {
			terms[i] = float64(v) * factor
		}
		return terms
	}
	for i, v := range scaled {
		terms[i] = math.Ldexp(float64(v), exponent)
	}
	return terms
}

// check reports sets of nodes that contradict each other.
func (l *level) check(c *cursor) {
	if c.err != nil {
		return
	}
	for k := range l.classes {
		class := l.classes[k]
		for rank := range class.valued.len(l.nodes) {
			if class.valued.all && class.with.all {
				break
			}
			if _, ok := class.with.find(class.valued.node(rank)); !ok {
				c.fail("values of a node without samples")
				return
			}
		}
	}
	both := l.classes[columnar.Good].valued.and(&l.classes[columnar.Uncertain].valued, l.nodes)
	if !both.equal(&l.classes[usable].valued, l.nodes) {
		c.fail("usable samples do not match good and uncertain ones")
	}
}
