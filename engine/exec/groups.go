package exec

import (
	"encoding/binary"
	"math"

	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/plan"
)

// groups numbers the distinct combinations of some columns' values, in the order
// in which they come. NULLs are equal to each other here.
type groups struct {
	keys   []column        // one row per group
	byInt  map[int64]int32 // where the key is one column of integers: those not NULL
	null   int32           // its group of NULL, -1 for none
	byCode *keyTable       // all others, by their encoded values
	code   []byte
	ids    []int32
	same   []bool
	n      int
}

// run is rows of one group that follow each other.
type run struct {
	group    int32
	from, to int
}

func newGroups(types []plan.Type) *groups {
	g := &groups{keys: columnsOf(types), null: -1}
	if len(types) == 1 && integral(types[0]) {
		g.byInt = map[int64]int32{}
	} else {
		g.byCode = newKeyTable()
	}
	if len(types) == 0 {
		g.n = 1 // also for no rows
	}
	return g
}

// integral reports whether values of a type are held as integers.
func integral(t plan.Type) bool {
	switch t {
	case plan.Bigint, plan.Timestamp, plan.Timestamptz, plan.Date, plan.Time:
		return true
	}
	return false
}

// len returns the number of groups.
func (g *groups) len() int { return g.n }

// size returns about how many bytes the groups hold.
func (g *groups) size() int64 {
	const entry = 28 // of a map of integers, about
	size := entry * int64(len(g.byInt))
	if g.byCode != nil {
		size += 2 * g.byCode.size() // as much again while it grows
	}
	for i := range g.keys {
		size += g.keys[i].size()
	}
	return size
}

// assign returns the group of each of n rows, making those that are new. The
// slice is good until the next call.
func (g *groups) assign(rows []eval.Vector, n int) []int32 {
	if cap(g.ids) < n {
		g.ids, g.same = make([]int32, n), make([]bool, n)
	}
	ids, same := g.ids[:n], g.same[:n]
	if len(g.keys) == 0 {
		clear(ids)
		return ids
	}
	for i := range same {
		same[i] = i > 0
	}
	for k := range rows {
		sameAsBefore(same, &rows[k])
	}
	for i := range ids {
		if same[i] {
			ids[i] = ids[i-1]
			continue
		}
		ids[i] = g.find(rows, i)
	}
	return ids
}

// sameAsBefore clears same[i] where row i differs from row i-1 or may differ.
func sameAsBefore(same []bool, v *eval.Vector) {
	if v.Const {
		return
	}
	switch {
	case v.T == plan.Double:
		for i := 1; i < len(same); i++ {
			same[i] = same[i] && v.Floats[i] == v.Floats[i-1]
		}
	case v.T == plan.Text || v.T == plan.JSON:
		for i := 1; i < len(same); i++ {
			same[i] = same[i] && v.Strs[i] == v.Strs[i-1]
		}
	case integral(v.T):
		for i := 1; i < len(same); i++ {
			same[i] = same[i] && v.Ints[i] == v.Ints[i-1]
		}
	default:
		clear(same)
	}
	if v.Valid != nil {
		for i := 1; i < len(same); i++ {
			same[i] = same[i] && v.Valid.Has(i) == v.Valid.Has(i-1)
		}
	}
}

// find returns the group of row i.
func (g *groups) find(rows []eval.Vector, i int) int32 {
	if g.byInt != nil {
		return g.findInt(rows, i)
	}
	g.code = g.code[:0]
	for k := range rows {
		g.code = appendKey(g.code, &rows[k], i)
	}
	id, known := g.byCode.number(g.code)
	if !known {
		g.add(rows, i)
	}
	return id
}

func (g *groups) findInt(rows []eval.Vector, i int) int32 {
	v := &rows[0]
	if v.IsNull(i) {
		if g.null < 0 {
			g.null = g.add(rows, i)
		}
		return g.null
	}
	at := i
	if v.Const {
		at = 0
	}
	id, ok := g.byInt[v.Ints[at]]
	if !ok {
		id = g.add(rows, i)
		g.byInt[v.Ints[at]] = id
	}
	return id
}

// add makes a group of row i.
func (g *groups) add(rows []eval.Vector, i int) int32 {
	for k := range g.keys {
		g.keys[k].add(&rows[k], i)
	}
	g.n++
	return int32(g.n - 1)
}

// appendKey appends row i of a vector, encoded so that equal values, and only
// they, have equal bytes and no code is the beginning of another.
func appendKey(code []byte, v *eval.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(code, 0)
	}
	code = append(code, 1)
	if v.Const {
		i = 0
	}
	switch v.T {
	case plan.Boolean, plan.Unknown:
		return append(code, byte(boolInt(v.Bools[i])))
	case plan.Double:
		x := v.Floats[i] + 0 // -0 is 0
		if math.IsNaN(x) {
			x = math.NaN()
		}
		return binary.LittleEndian.AppendUint64(code, math.Float64bits(x))
	case plan.Text, plan.JSON:
		code = binary.AppendUvarint(code, uint64(len(v.Strs[i])))
		return append(code, v.Strs[i]...)
	case plan.Interval:
		days, micros := normalSpan(v.Spans[i])
		code = binary.LittleEndian.AppendUint64(code, uint64(days))
		return binary.LittleEndian.AppendUint64(code, uint64(micros))
	default:
		return binary.LittleEndian.AppendUint64(code, uint64(v.Ints[i]))
	}
}

// appendRuns appends the runs of rows of one group.
func appendRuns(runs []run, ids []int32) []run {
	from := 0
	for i := 1; i <= len(ids); i++ {
		if i == len(ids) || ids[i] != ids[from] {
			runs = append(runs, run{ids[from], from, i})
			from = i
		}
	}
	return runs
}
