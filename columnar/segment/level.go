package segment

import (
	"slices"
	"unsafe"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
)

// The classes of samples that a level has columns for. The first three are the
// qualities.
const (
	usable     = 3 // good and uncertain samples, of nodes that have both
	numClasses = 4
)

var classNames = [numClasses]string{"good", "uncertain", "bad", "usable"}

// level is one level of the tree of summaries. Node i of level k stands for the
// entries [i·64^k, (i+1)·64^k), as far as there are so many.
type level struct {
	nodes   int
	classes [numClasses]*class // &noClass where no node has samples of the class
}

// noClass is the class of no samples.
var noClass class

// class holds one summary of every node that has samples of the class, in
// columns.
//
// Of the class usable there are only transitions, resets, steps and lines: the
// rest follows from good and uncertain.
type class struct {
	with    set  // nodes with samples
	lacking ints // of those: what Count lacks to a sample in every slot
	voids   ints // of those: Count − Values
	valued  set  // nodes with values, which the columns below are of

	sum, squares, resets sums
	steps, lines         sums // beyond those of values without gaps, see bridge

	min, max, first, last []float64 // nil for texts
	minSlot, maxSlot      ints      // counted from the node's first slot
	firstSlot             ints      // counted from the node's first slot
	lastSlot              ints      // counted back from the node's last slot
	transitions           ints
}

// bridge adds to steps and lines, with sign, what they are of values that lie in
// neighbouring slots: the sum without the last, and the sum without the halves of
// the first and the last.
func bridge(s *columnar.Summary, sign float64, steps, lines *kernel.Exact) {
	if sign > 0 {
		steps.Merge(&s.Sum)
		lines.Merge(&s.Sum)
	} else {
		steps.Subtract(&s.Sum)
		lines.Subtract(&s.Sum)
	}
	steps.Add(-sign * s.Last)
	lines.Add(-sign * (s.First / 2))
	lines.Add(-sign * (s.Last / 2))
}

// unbroken reports whether every node's values lie in all of its slots, or might
// as well as far as steps and lines are concerned.
func (c *class) unbroken() bool {
	return c.first != nil && c.firstSlot.zero() && c.lastSlot.zero() && c.steps.zero() && c.lines.zero()
}

// place is where a node lies: its first slot, its last slot, and the number of
// slots of its blocks, which is less than what lies between the two where blocks
// are missing.
type place struct{ first, last, slots int64 }

// classBuilder collects the summaries of one class of one level.
type classBuilder struct {
	merged, texts bool // the class is usable, the values are texts

	columns            class // its sums and floats, so far
	nodes, valuedNodes []int32
	lacking, voids     []int64
	integers           [numInts][]int64 // in the order of class.ints
}

// add adds the summary of a node.
func (b *classBuilder) add(node int, s *columnar.Summary, at place) {
	b.nodes = append(b.nodes, int32(node))
	if !b.merged {
		b.lacking = append(b.lacking, at.slots-s.Count)
		b.voids = append(b.voids, s.Count-s.Values)
	}
	if s.Values == 0 {
		return
	}
	if !b.texts {
		b.addSums(s)
	}
	b.valuedNodes = append(b.valuedNodes, int32(node))
	b.integers[transitions] = append(b.integers[transitions], s.Transitions)
	if b.merged {
		return
	}
	b.integers[firstSlot] = append(b.integers[firstSlot], s.FirstSlot-at.first)
	b.integers[lastSlot] = append(b.integers[lastSlot], at.last-s.LastSlot)
	if b.texts {
		return
	}
	b.integers[minSlot] = append(b.integers[minSlot], s.MinSlot-at.first)
	b.integers[maxSlot] = append(b.integers[maxSlot], s.MaxSlot-at.first)
	c := &b.columns
	c.min, c.max = append(c.min, s.Min), append(c.max, s.Max)
	c.first, c.last = append(c.first, s.First), append(c.last, s.Last)
}

// addSums adds the exact sums of a summary.
func (b *classBuilder) addSums(s *columnar.Summary) {
	n, c := len(b.valuedNodes), &b.columns
	steps, lines := s.Steps, s.Lines
	bridge(s, -1, &steps, &lines)
	c.resets.append(n, &s.Resets)
	c.steps.append(n, &steps)
	c.lines.append(n, &lines)
	if !b.merged {
		c.sum.append(n, &s.Sum)
		c.squares.append(n, &s.Squares)
	}
}

// build returns the class of a level of so many nodes.
func (b *classBuilder) build(nodes int) *class {
	if len(b.nodes) == 0 {
		return &noClass
	}
	c := b.columns
	c.with, c.valued = packSet(b.nodes, nodes), packSet(b.valuedNodes, nodes)
	c.lacking, c.voids = packInts(b.lacking), packInts(b.voids)
	for k, i := range c.ints() {
		*i = packInts(b.integers[k])
	}
	for _, s := range c.sums() {
		s.clip()
	}
	for _, f := range c.floats() {
		*f = slices.Clip(*f)
	}
	return &c
}

// packSet returns the set of the nodes listed, of so many that there are.
func packSet(list []int32, nodes int) set {
	if len(list) == nodes {
		return set{all: true}
	}
	return set{nodes: append([]int32(nil), list...)}
}

// sums returns the columns of exact sums in the order of the file.
func (c *class) sums() [5]*sums {
	return [...]*sums{&c.sum, &c.squares, &c.resets, &c.steps, &c.lines}
}

// floats returns the columns of floats in the order of the file.
func (c *class) floats() [4]*[]float64 {
	return [...]*[]float64{&c.min, &c.max, &c.first, &c.last}
}

// The columns of integers over nodes with values, in the order of the file.
const (
	minSlot = iota
	maxSlot
	firstSlot
	lastSlot
	transitions
	numInts
)

// ints returns the columns of integers over nodes with values.
func (c *class) ints() [numInts]*ints {
	return [...]*ints{&c.minSlot, &c.maxSlot, &c.firstSlot, &c.lastSlot, &c.transitions}
}

// bytes returns the memory that the class takes.
func (c *class) bytes() int64 {
	if c == &noClass {
		return 0
	}
	n := int64(unsafe.Sizeof(*c)) + c.with.bytes() + c.valued.bytes() + c.lacking.bytes() + c.voids.bytes()
	for _, s := range c.sums() {
		n += s.bytes()
	}
	for _, f := range c.floats() {
		n += 8 * int64(cap(*f))
	}
	for _, i := range c.ints() {
		n += i.bytes()
	}
	return n
}
