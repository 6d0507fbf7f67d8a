package segment

import (
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
	classes [numClasses]class
}

// class holds one summary of every node that has samples of the class, in
// columns. Its zero value is that of a class no node has samples of.
//
// Of the class usable there are only transitions, resets, steps and lines: the
// rest follows from good and uncertain.
type class struct {
	with   set  // nodes with samples
	counts ints // of those: what Count lacks to a sample in every slot
	voids  ints // of those: Count − Values
	valued set  // nodes with values, which the columns below are of

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

// place is where a node lies: its first slot, its last slot, and the number of
// slots of its blocks, which is less than what lies between the two where blocks
// are missing.
type place struct{ first, last, slots int64 }

// classBuilder collects the summaries of one class of one level.
type classBuilder struct {
	class
	nodes, valuedNodes                                       []int32
	count, void                                              []int64
	minSlots, maxSlots, firstSlots, lastSlots, transitionses []int64
}

// add adds the summary of node.
func (b *classBuilder) add(node int, s *columnar.Summary, at place, isUsable, isText bool) {
	b.nodes = append(b.nodes, int32(node))
	if !isUsable {
		b.count = append(b.count, at.slots-s.Count)
		b.void = append(b.void, s.Count-s.Values)
	}
	if s.Values == 0 {
		return
	}
	n := len(b.valuedNodes)
	b.valuedNodes = append(b.valuedNodes, int32(node))
	b.transitionses = append(b.transitionses, s.Transitions)
	if !isText {
		steps, lines := s.Steps, s.Lines
		bridge(s, -1, &steps, &lines)
		b.resets.append(n, &s.Resets)
		b.steps.append(n, &steps)
		b.lines.append(n, &lines)
	}
	if isUsable {
		return
	}
	b.firstSlots = append(b.firstSlots, s.FirstSlot-at.first)
	b.lastSlots = append(b.lastSlots, at.last-s.LastSlot)
	if isText {
		return
	}
	b.minSlots = append(b.minSlots, s.MinSlot-at.first)
	b.maxSlots = append(b.maxSlots, s.MaxSlot-at.first)
	b.sum.append(n, &s.Sum)
	b.squares.append(n, &s.Squares)
	b.min, b.max = append(b.min, s.Min), append(b.max, s.Max)
	b.first, b.last = append(b.first, s.First), append(b.last, s.Last)
}

// build returns the class of a level of so many nodes.
func (b *classBuilder) build(nodes int) class {
	c := b.class
	c.with, c.valued = packSet(b.nodes, nodes), packSet(b.valuedNodes, nodes)
	c.counts, c.voids = packInts(b.count), packInts(b.void)
	c.minSlot, c.maxSlot = packInts(b.minSlots), packInts(b.maxSlots)
	c.firstSlot, c.lastSlot = packInts(b.firstSlots), packInts(b.lastSlots)
	c.transitions = packInts(b.transitionses)
	for _, s := range c.sums() {
		s.clip()
	}
	return c
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

// ints returns the columns of integers over nodes with values in the order of the
// file.
func (c *class) ints() [5]*ints {
	return [...]*ints{&c.minSlot, &c.maxSlot, &c.firstSlot, &c.lastSlot, &c.transitions}
}

// bytes returns the memory that the class refers to.
func (c *class) bytes() int64 {
	n := c.with.bytes() + c.valued.bytes() + c.counts.bytes() + c.voids.bytes()
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
