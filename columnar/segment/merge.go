package segment

import "github.com/trellisdb/trellis/columnar"

// Merge merges the samples of the wanted qualities in the entries [from, to) into
// acc, which holds earlier ones; both with the groups of fields in stats. It uses
// the largest nodes of the tree that lie in the range, O(log Len) of them, and
// returns how many. The result has the same bits as merging entry by entry.
//
// ok is false where the summaries cannot tell, which is when StatPath is asked of
// bad samples together with others and a block has both; acc is then undefined.
func (x *Index) Merge(acc *columnar.Summary, want columnar.QualitySet, stats columnar.Stats, from, to int) (ok bool, nodes int) {
	merge := x.mergeRange
	if stats.Has(columnar.StatPath) {
		merge = x.mergePath
	}
	ok = x.cover(0, from, to, func(depth, from, to int) bool {
		nodes += to - from
		return merge(acc, want, stats, depth, from, to)
	})
	return ok, nodes
}

// cover calls visit with runs of nodes that together stand for the nodes
// [from, to) of a level, in order and as few as there can be: some of the level,
// then larger ones, then some of the level. It stops when visit returns false, and
// returns that.
func (x *Index) cover(depth, from, to int, visit func(depth, from, to int) bool) bool {
	if from >= to {
		return true
	}
	if depth+1 < len(x.levels) {
		head, tail := parent(from+fanOut-1), parent(to)
		if to == x.levels[depth].nodes {
			tail = parent(to + fanOut - 1) // the last node of a level may have fewer children
		}
		if head < tail {
			left, right := head<<fanOutBits, tail<<fanOutBits
			return (from >= left || visit(depth, from, left)) &&
				x.cover(depth+1, head, tail, visit) &&
				(right >= to || visit(depth, right, to))
		}
	}
	return visit(depth, from, to)
}

// parent returns the node of the next level that stands for a node.
func parent(node int) int { return node >> fanOutBits }

// mergeRange merges the nodes [from, to) of a level into acc, without the path.
// The other groups do not depend on how the samples of the classes interleave.
func (x *Index) mergeRange(acc *columnar.Summary, want columnar.QualitySet, stats columnar.Stats, depth, from, to int) bool {
	l := &x.levels[depth]
	for q := range columnar.Bad + 1 {
		if want.Has(q) {
			x.mergeClass(acc, l.classes[q], stats, depth, from, to)
		}
	}
	return true
}

// mergeClass merges the nodes [from, to) of one class of a level into acc, without
// the path.
func (x *Index) mergeClass(acc *columnar.Summary, c *class, stats columnar.Stats, depth, from, to int) {
	low, high := c.with.rank(from), c.with.rank(to)
	if low == high {
		return
	}
	slots := x.slots(depth, from, to)
	if !c.with.all {
		slots = 0
		for rank := low; rank < high; rank++ {
			node := c.with.node(rank)
			slots += x.slots(depth, node, node+1)
		}
	}
	fresh := acc.Values == 0
	count := slots - c.lacking.sum(low, high)
	acc.Count += count
	acc.Values += count - c.voids.sum(low, high)
	low, high = c.valued.rank(from), c.valued.rank(to)
	if low == high {
		return
	}
	if stats.Has(columnar.StatSum) {
		c.sum.addTo(&acc.Sum, low, high)
	}
	if stats.Has(columnar.StatSquares) {
		c.squares.addTo(&acc.Squares, low, high)
	}
	if stats.Has(columnar.StatRange) && c.min != nil {
		x.mergeExtremes(acc, c, depth, low, high, fresh)
	}
	if stats.Has(columnar.StatEnds) {
		x.mergeEnds(acc, c, depth, low, high, fresh)
	}
}

// mergeExtremes merges Min and Max of the nodes of ranks [low, high), of which
// there is one. Of equal values the one in the earlier slot counts.
func (x *Index) mergeExtremes(acc *columnar.Summary, c *class, depth, low, high int, fresh bool) {
	least, greatest := low, low
	v := c.min[low]
	for rank := low + 1; rank < high; rank++ {
		if c.min[rank] < v {
			v, least = c.min[rank], rank
		}
	}
	slot := x.firstSlot(depth, c.valued.node(least)) + c.minSlot.at(least)
	if fresh || v < acc.Min || v == acc.Min && slot < acc.MinSlot {
		acc.Min, acc.MinSlot = v, slot
	}
	v = c.max[low]
	for rank := low + 1; rank < high; rank++ {
		if c.max[rank] > v {
			v, greatest = c.max[rank], rank
		}
	}
	slot = x.firstSlot(depth, c.valued.node(greatest)) + c.maxSlot.at(greatest)
	if fresh || v > acc.Max || v == acc.Max && slot < acc.MaxSlot {
		acc.Max, acc.MaxSlot = v, slot
	}
}

// mergeEnds merges First and Last of the nodes of ranks [low, high), of which
// there is one.
func (x *Index) mergeEnds(acc *columnar.Summary, c *class, depth, low, high int, fresh bool) {
	first := x.firstSlot(depth, c.valued.node(low)) + c.firstSlot.at(low)
	last := x.lastSlot(depth, c.valued.node(high-1)) - c.lastSlot.at(high-1)
	if fresh || first < acc.FirstSlot {
		acc.FirstSlot = first
		if c.first != nil {
			acc.First = c.first[low]
		}
	}
	if fresh || last > acc.LastSlot {
		acc.LastSlot = last
		if c.last != nil {
			acc.Last = c.last[high-1]
		}
	}
}

// mergePath merges the nodes [from, to) of a level into acc, one after the other.
// A node that has samples of several classes may not tell what its children do.
func (x *Index) mergePath(acc *columnar.Summary, want columnar.QualitySet, stats columnar.Stats, depth, from, to int) bool {
	if x.mergeUnbroken(acc, want, stats, depth, from, to) {
		return true
	}
	l := &x.levels[depth]
	for node := from; node < to; node++ {
		if l.tells(node, want) {
			s := x.summary(depth, node, want, stats)
			acc.Merge(&s, stats)
			continue
		}
		if depth == 0 {
			return false
		}
		low, high := node<<fanOutBits, min((node+1)<<fanOutBits, x.levels[depth-1].nodes)
		if !x.mergePath(acc, want, stats, depth-1, low, high) {
			return false
		}
	}
	return true
}

// mergeUnbroken is mergePath for the usual case, which takes a quarter of the time:
// all nodes have values of one class and no other, and no slot is missing. Then
// steps and lines follow from the sum of all nodes, see bridge. It reports whether
// it was the case; acc is as it was otherwise.
func (x *Index) mergeUnbroken(acc *columnar.Summary, want columnar.QualitySet, stats columnar.Stats, depth, from, to int) bool {
	var c *class
	for q := range columnar.Bad + 1 {
		other := x.levels[depth].classes[q]
		if !want.Has(q) || other.with.rank(from) == other.with.rank(to) {
			continue
		}
		if c != nil {
			return false
		}
		c = other
	}
	if c == nil {
		return true
	}
	low, high := c.valued.rank(from), c.valued.rank(to)
	first, last := x.entries(depth, from, to)
	if high-low != to-from || !c.unbroken() || x.Block(last-1)-x.Block(first) != int64(last-1-first) {
		return false
	}
	var s columnar.Summary
	x.mergeClass(&s, c, stats|columnar.StatSum, depth, from, to)
	c.resets.addTo(&s.Resets, low, high)
	s.Transitions = c.transitions.sum(low, high)
	for rank := low; rank+1 < high; rank++ {
		value, next := c.last[rank], c.first[rank+1]
		if next != value {
			s.Transitions++
		}
		if next < value {
			s.Resets.Add(value)
		}
	}
	bridge(&s, 1, &s.Steps, &s.Lines)
	acc.Merge(&s, stats)
	return true
}

// tells reports whether the level knows the path of the samples of a node that
// have the wanted qualities.
func (l *level) tells(node int, want columnar.QualitySet) bool {
	have := columnar.QualitySet(0)
	for q := range columnar.Bad + 1 {
		if want.Has(q) {
			if _, ok := l.classes[q].with.find(node); ok {
				have |= 1 << q
			}
		}
	}
	return have&(have-1) == 0 || have == columnar.Usable
}

// summary returns the summary of the samples of a node that have the wanted
// qualities, with the path where the level tells it.
func (x *Index) summary(depth, node int, want columnar.QualitySet, stats columnar.Stats) columnar.Summary {
	var s columnar.Summary
	path := stats.Has(columnar.StatPath)
	if path {
		stats |= columnar.StatSum // see bridge
	}
	x.mergeRange(&s, want, stats, depth, node, node+1)
	if !path || s.Values == 0 {
		return s
	}
	c, rank := x.levels[depth].path(node, want)
	s.Transitions = c.transitions.at(rank)
	if x.series.Type.Kind() == columnar.Texts {
		return s
	}
	c.resets.addTo(&s.Resets, rank, rank+1)
	bridge(&s, 1, &s.Steps, &s.Lines)
	c.steps.addTo(&s.Steps, rank, rank+1)
	c.lines.addTo(&s.Lines, rank, rank+1)
	return s
}

// path returns the class that has the path of the values of a node that have the
// wanted qualities, of which there is one, and the node's rank in it.
func (l *level) path(node int, want columnar.QualitySet) (found *class, rank int) {
	for q := range columnar.Bad + 1 {
		c := l.classes[q]
		r, ok := c.valued.find(node)
		switch {
		case !ok || !want.Has(q):
		case found == nil:
			found, rank = c, r
		default:
			found = l.classes[usable]
			rank = found.valued.rank(node)
		}
	}
	return found, rank
}
