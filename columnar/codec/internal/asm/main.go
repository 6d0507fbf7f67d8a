// Package main generates the assembly of package codec for amd64 with AVX2: the
// loops that turn unpacked codes into integers or floats.
//
// There is one function for each pair of a predictor and a mapping. Each takes a
// number of vectors of 4 codes, works in place, and gives back the predictor's sum
// so that Go can do what is left.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/mmcloughlin/avo/attr"
)

//go:generate go run . -out ../../restore_amd64.s -stubs ../../restore_amd64.go -pkg codec

// vectorBytes is the size of 4 codes.
const vectorBytes = 32

// constant makes a word of read-only data that is broadcast from memory.
func constant(name string, bits uint64) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	DATA(0, U64(bits))
	return m
}

func main() {
	ConstraintExpr("amd64,!purego")
	c := constants{
		sign:  constant("sign", 1<<63),
		low:   constant("low", 0x4330000000000000),   // 2^52
		high:  constant("high", 0x4530000080000000),  // 2^84 + 2^63
		bound: constant("bound", 0x4530000080100000), // 2^84 + 2^63 + 2^52
	}
	for _, predictor := range []string{"None", "Delta", "Smooth"} {
		for _, mapping := range []string{"Integers", "Multiplied", "Divided", "Ordered"} {
			restore(c, predictor, mapping)
		}
	}
	unzigzag()
	Generate()
}

// unzigzag generates the function that turns zigzag codes into signed ones.
func unzigzag() {
	TEXT("unzigzagAVX2", attr.NOSPLIT, "func(v *int64, vectors int)")
	Pragma("noescape")
	Doc("unzigzagAVX2 turns zigzag codes into signed ones, for vectors of 4 codes.")
	v := Load(Param("v"), GP64())
	n := Load(Param("vectors"), GP64())
	zero, one := YMM(), YMM()
	VPXOR(zero, zero, zero)
	VPCMPEQQ(one, one, one)
	VPSRLQ(Imm(63), one, one)
	x, sign := YMM(), YMM()
	Label("next")
	VMOVDQU(Mem{Base: v}, x)
	VPAND(one, x, sign)
	VPSUBQ(sign, zero, sign)
	VPSRLQ(Imm(1), x, x)
	VPXOR(sign, x, x)
	VMOVDQU(x, Mem{Base: v})
	ADDQ(Imm(vectorBytes), v)
	DECQ(n)
	JNZ(LabelRef("next"))
	VZEROUPPER()
	RET()
}

type constants struct{ sign, low, high, bound Mem }

// vector gives a vector register that holds a parameter in every lane.
func vector(name string) VecVirtual {
	v := YMM()
	m, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VPBROADCASTQ(m.Addr, v)
	return v
}

func broadcast(m Mem) VecVirtual {
	v := YMM()
	VPBROADCASTQ(m, v)
	return v
}

// restore generates the function of one predictor and one mapping.
func restore(c constants, predictor, mapping string) {
	name := "restore" + predictor + mapping + "AVX2"
	TEXT(name, attr.NOSPLIT, "func(v *int64, vectors int, base, start, sum int64, shift uint64, up, down float64) (last int64)")
	Pragma("noescape")
	Doc(name + " does what frame.run does for this predictor and target, for vectors of 4 codes.")
	v := Load(Param("v"), GP64())
	n := Load(Param("vectors"), GP64())
	base, sum := vector("base"), vector("sum")
	predict := predictors(c, predictor, base, sum)
	convert := mappings(c, mapping)
	x := YMM()
	Label("next")
	VPADDQ(Mem{Base: v}, base, x)
	predict(x)
	convert(x)
	VMOVDQU(x, Mem{Base: v})
	ADDQ(Imm(vectorBytes), v)
	DECQ(n)
	JNZ(LabelRef("next"))
	last := GP64()
	VMOVQ(sum.AsX(), last)
	Store(last, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// predictors gives what turns 4 residuals, base added, into numbers.
func predictors(c constants, predictor string, base, sum VecVirtual) func(x VecVirtual) {
	switch predictor {
	case "Delta":
		return func(x VecVirtual) {
			prefix, total := prefixSum(x)
			VPADDQ(prefix, sum, x)
			VPADDQ(total, sum, sum)
		}
	case "Smooth":
		start := vector("start")
		sign := broadcast(c.sign)
		shift := XMM()
		m, err := Param("shift").Resolve()
		if err != nil {
			panic(err)
		}
		VMOVQ(m.Addr, shift)
		bias := YMM()
		VPSRLQ(shift, sign, bias)
		return func(x VecVirtual) {
			prefix, total := prefixSum(x)
			VPSUBQ(x, prefix, prefix) // what comes before each
			VPADDQ(prefix, sum, prefix)
			// An arithmetic shift, by way of a logical one.
			VPADDQ(sign, prefix, prefix)
			VPSRLQ(shift, prefix, prefix)
			VPSUBQ(bias, prefix, prefix)
			VPADDQ(start, x, x)
			VPADDQ(prefix, x, x)
			VPADDQ(total, sum, sum)
		}
	default:
		return func(VecVirtual) {}
	}
}

// prefixSum gives the sums of lanes up to each and, in every lane, that of all.
func prefixSum(x VecVirtual) (prefix, total VecVirtual) {
	prefix, total = YMM(), YMM()
	t, zero := YMM(), YMM()
	VPSLLDQ(Imm(8), x, t)
	VPADDQ(x, t, prefix)
	VPXOR(zero, zero, zero)
	VPERMQ(Imm(0x50), prefix, t)
	VPBLENDD(Imm(0x0f), zero, t, t)
	VPADDQ(t, prefix, prefix)
	VPERMQ(Imm(0xff), prefix, total)
	return prefix, total
}

// mappings gives what turns 4 integers into floats.
func mappings(c constants, mapping string) func(x VecVirtual) {
	switch mapping {
	case "Multiplied":
		toFloat := converter(c)
		up, down := vector("up"), vector("down")
		return func(x VecVirtual) {
			toFloat(x)
			VMULPD(up, x, x)
			VMULPD(down, x, x)
		}
	case "Divided":
		toFloat := converter(c)
		up := vector("up")
		return func(x VecVirtual) {
			toFloat(x)
			VDIVPD(up, x, x)
		}
	case "Ordered":
		return func(x VecVirtual) {
			t := YMM()
			VPXOR(t, t, t)
			VPCMPGTQ(x, t, t)
			VPSRLQ(Imm(1), t, t)
			VPXOR(t, x, x)
		}
	default:
		return func(VecVirtual) {}
	}
}

// converter gives what converts 4 integers to floats, rounded to the nearest. The
// lower half becomes a float by its place under 2^52, the upper one by its place
// under 2^84, and the addition of both is what rounds.
func converter(c constants) func(x VecVirtual) {
	low, high, bound := broadcast(c.low), broadcast(c.high), broadcast(c.bound)
	return func(x VecVirtual) {
		upper := YMM()
		VPSRLQ(Imm(32), x, upper)
		VPXOR(high, upper, upper)
		VSUBPD(bound, upper, upper)
		VPBLENDD(Imm(0x55), x, low, x)
		VADDPD(x, upper, x)
	}
}
