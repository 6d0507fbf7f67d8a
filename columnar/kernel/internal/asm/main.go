// Command asm generates the assembly of package kernel for amd64 with AVX2 and
// FMA.
//
// Every function takes a number of words and works on 64 values for each, which is
// what a word of a bitmap stands for. The Go code around it does what is left.
//
// The functions whose names have Valid in them take a bitmap and leave out the
// values whose bit is clear.
package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

//go:generate go run . -out ../../kernel_amd64.s -stubs ../../kernel_amd64.go -pkg kernel

// A vector has 4 values, and a word of a bitmap stands for 16 vectors.
const (
	vectorBytes    = 32
	vectorsPerWord = 16
)

// shifts, for every vector of a word, are what moves a value's bit of the bitmap
// to the sign of its lane.
var shifts Mem

func main() {
	ConstraintExpr("amd64,!purego")
	shifts = GLOBL("bitShifts", attr.RODATA|attr.NOPTR)
	for i := range 64 {
		DATA(8*i, U64(63-i))
	}
	for _, masked := range []bool{false, true} {
		extent(masked)
		extract(masked)
		squareLevels(masked)
	}
	index()
	neighbours()
	qualities()
	compress()
	comparisons()
	Generate()
}

// begin begins a function.
func begin(name, signature, doc string) {
	TEXT(name, attr.NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

// end ends a function. Mixing old and new vector instructions is slow unless the
// upper halves of the registers are clear.
func end() {
	VZEROUPPER()
	RET()
}

// source is the slice that a function walks through, 64 values at a time.
type source struct {
	values Mem
	valid  Mem
	masked bool
	words  Register
}

func newSource(masked bool) source {
	s := source{masked: masked, words: Load(Param("words"), GP64())}
	s.values = Mem{Base: Load(Param("values"), GP64())}
	if masked {
		s.valid = Mem{Base: Load(Param("valid"), GP64())}
	}
	return s
}

// each repeats the body for every word.
func (s source) each(body func()) {
	Label("loop")
	TESTQ(s.words, s.words)
	JZ(LabelRef("done"))
	body()
	ADDQ(U32(vectorBytes*vectorsPerWord), s.values.Base)
	if s.masked {
		ADDQ(U8(8), s.valid.Base)
	}
	DECQ(s.words)
	JMP(LabelRef("loop"))
	Label("done")
}

// vector is where vector i of the word stands.
func (s source) vector(i int) Mem { return s.values.Offset(vectorBytes * i) }

// mask sets the sign of every lane of dst whose value in vector i is valid.
func (s source) mask(i int, dst VecVirtual) {
	VPBROADCASTQ(s.valid, dst)
	VPSLLVQ(shifts.Offset(vectorBytes*i), dst, dst)
}

// load sets dst to vector i with 0 for values that are not valid. It may use
// scratch.
func (s source) load(i int, dst, scratch VecVirtual) {
	if !s.masked {
		VMOVUPD(s.vector(i), dst)
		return
	}
	s.mask(i, scratch)
	VMASKMOVPD(s.vector(i), scratch, dst)
}

// suffix and parameters of a function that has a masked form.
func variant(name string, masked bool) (string, string) {
	if masked {
		return name + "ValidAVX2", "values *float64, valid *uint64, words int"
	}
	return name + "AVX2", "values *float64, words int"
}

// vectors returns n registers, all zero.
func vectors(n int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = YMM()
		VXORPD(v[i], v[i], v[i])
	}
	return v
}

// broadcast returns a register with the parameter in every lane.
func broadcast(parameter string) VecVirtual {
	y := YMM()
	address, err := Param(parameter).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSD(address.Addr, y)
	return y
}

// fold combines the lanes of y with op and returns the result as the low lane.
func fold(y VecVirtual, op func(a, b, dst Op)) VecVirtual {
	low, high := XMM(), XMM()
	VEXTRACTF128(U8(1), y, high)
	op(high, y.AsX(), low)
	VPERMILPD(U8(1), low, high)
	op(high, low, low)
	return low
}

func extent(masked bool) {
	name, parameters := variant("extent", masked)
	begin(name, "func("+parameters+", filler float64) (low, high float64)",
		"returns the least and the greatest value and filler, which is one of them.")
	const chains = 4 // a minimum takes four cycles, and two can begin in one
	s := newSource(masked)
	filler := broadcast("filler")
	var low, high [chains]VecVirtual
	for i := range chains {
		low[i], high[i] = YMM(), YMM()
		VMOVAPD(filler, low[i])
		VMOVAPD(filler, high[i])
	}
	s.each(func() {
		for i := range vectorsPerWord {
			x := YMM()
			if masked {
				mask := YMM()
				s.mask(i, mask)
				VBLENDVPD(mask, s.vector(i), filler, x)
			} else {
				VMOVUPD(s.vector(i), x)
			}
			VMINPD(x, low[i%chains], low[i%chains])
			VMAXPD(x, high[i%chains], high[i%chains])
		}
	})
	for i := 1; i < chains; i++ {
		VMINPD(low[i], low[0], low[0])
		VMAXPD(high[i], high[0], high[0])
	}
	Store(fold(low[0], func(a, b, dst Op) { VMINPD(a, b, dst) }), Return("low"))
	Store(fold(high[0], func(a, b, dst Op) { VMAXPD(a, b, dst) }), Return("high"))
	end()
}

func extract(masked bool) {
	name, parameters := variant("extract", masked)
	begin(name, "func("+parameters+", first, second float64) (a, b int64, left uint64)",
		"is extractGo, with the bits of first and second in the sums once for each of the values, valid or not; left has a bit other than the highest where something was left over.")
	s := newSource(masked)
	cuts := []VecVirtual{broadcast("first"), broadcast("second")}
	sums := vectors(3)
	left := sums[2]
	s.each(func() {
		for i := range vectorsPerWord {
			x, t := YMM(), YMM()
			s.load(i, x, t)
			for k, cut := range cuts {
				VADDPD(cut, x, t)
				VPADDQ(t, sums[k], sums[k])
				VSUBPD(cut, t, t)
				VSUBPD(t, x, x)
			}
			VORPD(x, left, left)
		}
	})
	add := func(a, b, dst Op) { VPADDQ(a, b, dst) }
	Store(fold(sums[0], add), Return("a"))
	Store(fold(sums[1], add), Return("b"))
	Store(fold(left, func(a, b, dst Op) { VORPD(a, b, dst) }), Return("left"))
	end()
}

func squareLevels(masked bool) {
	name, parameters := variant("squareLevels", masked)
	begin(name, "func("+parameters+", cuts *[4][4]float64, sums *[9]float64) (left uint64)",
		"cuts every value into slices a, b, c and d, and sums up aa, ab, ac, bb, ad + bc, bd, cc, cd and dd; each cut stands in cuts four times. left is as that of extractAVX2.")
	s := newSource(masked)
	table := Mem{Base: Load(Param("cuts"), GP64())}
	sums := vectors(9)
	left := vectors(1)[0]
	s.each(func() {
		for i := range vectorsPerWord {
			x, a, b, c, d := YMM(), YMM(), YMM(), YMM(), YMM()
			s.load(i, x, a)
			for k, slice := range []VecVirtual{a, b, c, d} {
				VADDPD(table.Offset(vectorBytes*k), x, slice)
				VSUBPD(table.Offset(vectorBytes*k), slice, slice)
				VSUBPD(slice, x, x)
			}
			VORPD(x, left, left)
			VFMADD231PD(a, a, sums[0])
			VFMADD231PD(a, b, sums[1])
			VFMADD231PD(a, c, sums[2])
			VFMADD231PD(b, b, sums[3])
			VMULPD(a, d, a)
			VFMADD231PD(b, c, a)
			VADDPD(a, sums[4], sums[4])
			VFMADD231PD(b, d, sums[5])
			VFMADD231PD(c, c, sums[6])
			VFMADD231PD(c, d, sums[7])
			VFMADD231PD(d, d, sums[8])
		}
	})
	out := Mem{Base: Load(Param("sums"), GP64())}
	for i, sum := range sums {
		VMOVSD(fold(sum, func(a, b, dst Op) { VADDPD(a, b, dst) }), out.Offset(8*i))
	}
	Store(fold(left, func(a, b, dst Op) { VORPD(a, b, dst) }), Return("left"))
	end()
}

// Predicates of VCMPPD. None of the operands is NaN.
const (
	equal    = 0x00
	less     = 0x01
	notEqual = 0x04
	greater  = 0x0E
)

func index() {
	begin("indexAVX2", "func(values *float64, words int, x float64) int",
		"returns the index of the first value that is equal to x, or the number of values.")
	const atOnce = 4
	s := newSource(false)
	x := broadcast("x")
	start := GP64()
	MOVQ(s.values.Base, start)
	offset, bits, four := GP64(), GP32(), GP32()
	hits := [atOnce]VecVirtual{}
	for i := range hits {
		hits[i] = YMM()
	}
	s.each(func() {
		for i := 0; i < vectorsPerWord; i += atOnce {
			for k, hit := range hits {
				VCMPPD(U8(equal), s.vector(i+k), x, hit)
			}
			any, half := YMM(), YMM()
			VORPD(hits[0], hits[1], any)
			VORPD(hits[2], hits[3], half)
			VORPD(half, any, any)
			VMOVMSKPD(any, bits)
			MOVQ(U32(vectorBytes*i), offset)
			TESTL(bits, bits)
			JNZ(LabelRef("found"))
		}
	})
	SUBQ(start, s.values.Base)
	SHRQ(U8(3), s.values.Base)
	Store(s.values.Base, ReturnIndex(0))
	end()

	Label("found")
	VMOVMSKPD(hits[atOnce-1], bits)
	for k := atOnce - 2; k >= 0; k-- {
		SHLL(U8(4), bits)
		VMOVMSKPD(hits[k], four)
		ORL(four, bits)
	}
	BSFL(bits, bits)
	ADDQ(offset, s.values.Base)
	SUBQ(start, s.values.Base)
	SHRQ(U8(3), s.values.Base)
	ADDQ(bits.As64(), s.values.Base)
	Store(s.values.Base, ReturnIndex(0))
	end()
}

// gather returns the word made of the signs that sign sets for vectors 0 to 15.
func gather(sign func(i int, dst VecVirtual)) GPVirtual {
	const chains = 4 // parts of the word that do not wait for each other
	var parts [chains]GPVirtual
	for c := range parts {
		parts[c] = GP64()
		for k := vectorsPerWord/chains - 1; k >= 0; k-- {
			y, four := YMM(), GP64()
			sign(c*vectorsPerWord/chains+k, y)
			if k == vectorsPerWord/chains-1 {
				VMOVMSKPD(y, parts[c].As32())
				continue
			}
			VMOVMSKPD(y, four.As32())
			SHLQ(U8(4), parts[c])
			ORQ(four, parts[c])
		}
	}
	for c := 1; c < chains; c++ {
		SHLQ(U8(c*64/chains), parts[c])
		ORQ(parts[c], parts[0])
	}
	return parts[0]
}

func neighbours() {
	begin("neighboursAVX2", "func(falls *uint64, values *float64, words int) int",
		"is neighboursGo for the first 64 values of each word, the last of which is followed by another.")
	s := newSource(false)
	falls := Mem{Base: Load(Param("falls"), GP64())}
	changes := vectors(1)[0]
	s.each(func() {
		word := gather(func(i int, dst VecVirtual) {
			next, differs := YMM(), YMM()
			VMOVUPD(s.vector(i).Offset(8), next)
			VCMPPD(U8(notEqual), s.vector(i), next, differs)
			VPSUBQ(differs, changes, changes)
			VCMPPD(U8(greater), next, s.vectorIn(i), dst)
		})
		MOVQ(word, falls)
		ADDQ(U8(8), falls.Base)
	})
	Store(fold(changes, func(a, b, dst Op) { VPADDQ(a, b, dst) }), ReturnIndex(0))
	end()
}

func qualities() {
	begin("qualitiesAVX2", "func(dst *uint64, statuses *uint32, words int, set uint32)",
		"sets the bits of dst where the bit of set is set that the highest two bits of the status stand for.")
	s := source{values: Mem{Base: Load(Param("statuses"), GP64())}, words: Load(Param("words"), GP64())}
	out := Mem{Base: Load(Param("dst"), GP64())}
	set, one := YMM(), XMM()
	VMOVD(Load(Param("set"), GP32()), one)
	VPBROADCASTD(one, set)
	Label("loop")
	TESTQ(s.words, s.words)
	JZ(LabelRef("done"))
	word := GP64()
	for i := 7; i >= 0; i-- { // eight statuses at a time
		y, eight := YMM(), GP64()
		VPSRLD(U8(30), s.vectorIn(i), y)
		VPSRLVD(y, set, y)
		VPSLLD(U8(31), y, y)
		if i == 7 {
			VMOVMSKPS(y, word.As32())
			continue
		}
		VMOVMSKPS(y, eight.As32())
		SHLQ(U8(8), word)
		ORQ(eight, word)
	}
	MOVQ(word, out)
	ADDQ(U8(8), out.Base)
	ADDQ(U32(8*vectorBytes), s.values.Base)
	DECQ(s.words)
	JMP(LabelRef("loop"))
	Label("done")
	end()
}

// compress moves the valid values of a vector to its low lanes by a permutation of
// its halves of values, one for each of the 16 sets of lanes.
func compress() {
	orders := GLOBL("compressOrders", attr.RODATA|attr.NOPTR)
	for set := range 16 {
		lane := 0
		for i := range 4 {
			if set>>i&1 == 1 {
				DATA(set*vectorBytes+lane*8, U64(uint64(2*i+1)<<32|uint64(2*i)))
				lane++
			}
		}
		for ; lane < 4; lane++ {
			DATA(set*vectorBytes+lane*8, U64(uint64(1)<<32))
		}
	}
	begin("compressAVX2", "func(dst *float64, values *float64, valid *uint64, words int) int",
		"writes the valid values to dst one after the other and returns their number. It may write as many values as it reads.")
	s := newSource(true)
	dst := Load(Param("dst"), GP64())
	table, start := GP64(), GP64()
	LEAQ(orders, table)
	MOVQ(dst, start)
	s.each(func() {
		word := GP64()
		MOVQ(s.valid, word)
		for i := range vectorsPerWord {
			set, n := GP64(), GP64()
			MOVQ(word, set)
			ANDQ(U8(15), set)
			POPCNTQ(set, n)
			SHLQ(U8(5), set)
			order, x := YMM(), YMM()
			VMOVDQU(Mem{Base: table, Index: set, Scale: 1}, order)
			VPERMPS(s.vector(i), order, x)
			VMOVUPS(x, Mem{Base: dst})
			LEAQ(Mem{Base: dst, Index: n, Scale: 8}, dst)
			SHRQ(U8(4), word)
		}
	})
	SUBQ(start, dst)
	SHRQ(U8(3), dst)
	Store(dst, ReturnIndex(0))
	end()
}

// vectorIn returns a register with vector i.
func (s source) vectorIn(i int) VecVirtual {
	y := YMM()
	VMOVUPD(s.vector(i), y)
	return y
}

func comparisons() {
	for _, c := range []struct {
		name      string
		predicate int
	}{{"equal", equal}, {"less", less}, {"greater", greater}} {
		comparison(c.name+"Float64AVX2", "float64", "value "+c.name+" x", func(x VecVirtual, s source, i int, dst VecVirtual) {
			VCMPPD(U8(c.predicate), x, s.vectorIn(i), dst)
		})
	}
	comparison("equalInt64AVX2", "int64", "value equal x", func(x VecVirtual, s source, i int, dst VecVirtual) {
		VPCMPEQQ(s.vector(i), x, dst)
	})
	comparison("lessInt64AVX2", "int64", "value less x", func(x VecVirtual, s source, i int, dst VecVirtual) {
		VPCMPGTQ(s.vector(i), x, dst)
	})
	comparison("greaterInt64AVX2", "int64", "value greater x", func(x VecVirtual, s source, i int, dst VecVirtual) {
		VPCMPGTQ(x, s.vectorIn(i), dst)
	})
}

func comparison(name, typ, outcome string, compare func(x VecVirtual, s source, i int, dst VecVirtual)) {
	begin(name, "func(dst *uint64, values *"+typ+", words int, x "+typ+")", "sets the bits of dst to the outcomes of "+outcome+".")
	s := newSource(false)
	x := broadcast("x")
	out := Mem{Base: Load(Param("dst"), GP64())}
	s.each(func() {
		word := gather(func(i int, dst VecVirtual) { compare(x, s, i, dst) })
		MOVQ(word, out)
		ADDQ(U8(8), out.Base)
	})
	end()
}
