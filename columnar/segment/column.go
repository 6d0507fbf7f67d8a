package segment

import (
	"math"
	"slices"
	"sort"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/kernel"
)

// ints is a column of integers in little memory. Its zero value is zeros only.
type ints struct {
	base   int64
	narrow []uint16 // differences from base
	wide   []int64  // where those do not fit; base is 0
}

// at returns integer i.
func (c *ints) at(i int) int64 {
	switch {
	case c.narrow != nil:
		return c.base + int64(c.narrow[i])
	case c.wide != nil:
		return c.wide[i]
	}
	return c.base
}

// sum returns the sum of the integers [from, to).
func (c *ints) sum(from, to int) int64 {
	total := c.base * int64(to-from)
	if c.narrow != nil {
		for _, v := range c.narrow[from:to] {
			total += int64(v)
		}
	}
	if c.wide != nil {
		for _, v := range c.wide[from:to] {
			total += v
		}
	}
	return total
}

// packInts returns the column of values. It keeps no reference to them.
func packInts(values []int64) ints {
	if len(values) == 0 {
		return ints{}
	}
	least, greatest := slices.Min(values), slices.Max(values)
	switch span := uint64(greatest) - uint64(least); {
	case span == 0:
		return ints{base: least}
	case span <= math.MaxUint16:
		narrow := make([]uint16, len(values))
		for i, v := range values {
			narrow[i] = uint16(v - least)
		}
		return ints{base: least, narrow: narrow}
	}
	return ints{wide: slices.Clone(values)}
}

// bytes returns the memory that the column refers to.
func (c *ints) bytes() int64 { return 2*int64(cap(c.narrow)) + 8*int64(cap(c.wide)) }

// inlineTerms is the number of terms of exact sums that have columns. No sum has
// more than maxTerms: the bits of a float64 span 2,098 places, terms 53.
const (
	inlineTerms = 3
	maxTerms    = 48
)

// sums is a column of exact sums in their canonical terms. Its zero value is
// zeros only.
type sums struct {
	terms [inlineTerms][]float64 // term k of every sum; nil where all are 0
	long  []int32                // the sums with more terms, ascending
	ends  []int32                // for each of those, where its terms end in rest
	rest  []float64
}

// append adds a sum to a column that has n.
func (c *sums) append(n int, sum *kernel.Exact) {
	var space [inlineTerms + 1]float64
	terms := sum.AppendTerms(space[:0])
	for k := range c.terms {
		switch {
		case k < len(terms):
			if c.terms[k] == nil {
				c.terms[k] = make([]float64, n, n+16)
			}
			c.terms[k] = append(c.terms[k], terms[k])
		case c.terms[k] != nil:
			c.terms[k] = append(c.terms[k], 0)
		}
	}
	if len(terms) > inlineTerms {
		c.long = append(c.long, int32(n))
		c.rest = append(c.rest, terms[inlineTerms:]...)
		c.ends = append(c.ends, int32(len(c.rest)))
	}
}

// addTo adds the sums [from, to) to acc.
func (c *sums) addTo(acc *kernel.Exact, from, to int) {
	for _, term := range c.terms {
		if term == nil {
			continue
		}
		for _, t := range term[from:to] {
			if t != 0 {
				acc.Add(t)
			}
		}
	}
	if c.long == nil {
		return
	}
	for i := sort.Search(len(c.long), func(i int) bool { return int(c.long[i]) >= from }); i < len(c.long) && int(c.long[i]) < to; i++ {
		for _, t := range c.restOf(i) {
			acc.Add(t)
		}
	}
}

// restOf returns the terms without a column of the long sum i.
func (c *sums) restOf(i int) []float64 {
	from := int32(0)
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.rest[from:c.ends[i]]
}

// zero reports whether all sums are 0.
func (c *sums) zero() bool { return c.terms[0] == nil && c.long == nil }

// clip gives back memory that is not in use.
func (c *sums) clip() {
	for k := range c.terms {
		c.terms[k] = slices.Clip(c.terms[k])
	}
	c.long, c.ends, c.rest = slices.Clip(c.long), slices.Clip(c.ends), slices.Clip(c.rest)
}

// bytes returns the memory that the column refers to.
func (c *sums) bytes() int64 {
	n := 8*int64(cap(c.rest)) + 4*int64(cap(c.long)+cap(c.ends))
	for _, t := range c.terms {
		n += 8 * int64(cap(t))
	}
	return n
}

// set is a set of nodes of a level. A column that only some nodes have is dense
// over them: its index is the node's rank in the set. The zero value is the empty
// set.
type set struct {
	all   bool    // every node is in the set
	nodes []int32 // otherwise these, ascending
}

// rank returns the number of nodes of the set before node i.
func (s *set) rank(i int) int {
	if s.all {
		return i
	}
	rank, _ := slices.BinarySearch(s.nodes, int32(i))
	return rank
}

// find returns the rank of node i and whether the set has it.
func (s *set) find(i int) (rank int, ok bool) {
	if s.all {
		return i, true
	}
	return slices.BinarySearch(s.nodes, int32(i))
}

// node returns the node of that rank.
func (s *set) node(rank int) int {
	if s.all {
		return rank
	}
	return int(s.nodes[rank])
}

// bytes returns the memory that the set refers to.
func (s *set) bytes() int64 { return 4 * int64(cap(s.nodes)) }

// len returns the number of nodes in the set, of a level of so many.
func (s *set) len(nodes int) int {
	if s.all {
		return nodes
	}
	return len(s.nodes)
}

// bitmap returns the set as a bitmap over so many nodes.
func (s *set) bitmap(nodes int) columnar.Bitmap {
	m := columnar.NewBitmap(nodes)
	for rank := range s.len(nodes) {
		m.Set(s.node(rank))
	}
	return m
}

// setOf returns the set of a bitmap over so many nodes; nil is the empty one.
func setOf(m columnar.Bitmap, nodes int) set {
	if m == nil {
		return set{}
	}
	n := m.Count()
	if n == nodes {
		return set{all: true}
	}
	list := make([]int32, 0, n)
	for i := m.Next(0, nodes); i < nodes; i = m.Next(i+1, nodes) {
		list = append(list, int32(i))
	}
	return set{nodes: list}
}

// and returns the intersection of two sets of so many nodes.
func (s *set) and(o *set, nodes int) set {
	if s.all && o.all {
		return set{all: true}
	}
	var both set
	for rank := range s.len(nodes) {
		node := s.node(rank)
		if _, ok := o.find(node); ok {
			both.nodes = append(both.nodes, int32(node))
		}
	}
	both.all = len(both.nodes) == nodes
	return both
}

// equal reports whether two sets of so many nodes are the same.
func (s *set) equal(o *set, nodes int) bool {
	return s.len(nodes) == o.len(nodes) && (s.len(nodes) == nodes || slices.Equal(s.nodes, o.nodes))
}

// zero reports whether all integers are 0.
func (c *ints) zero() bool { return c.narrow == nil && c.wide == nil && c.base == 0 }

// unpack returns the n integers of the column.
func (c *ints) unpack(n int) []int64 {
	v := make([]int64, n)
	for i := range v {
		v[i] = c.at(i)
	}
	return v
}
