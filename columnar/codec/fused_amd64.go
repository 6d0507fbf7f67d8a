//go:build amd64 && !purego

package codec

import "golang.org/x/sys/cpu"

// kernel is the type of the functions in restore_amd64.s.
type kernel func(v *int64, vectors int, base, start, sum int64, shift uint64, up, down float64) (last int64)

// kernels are those functions by predictor (none, delta, smooth) and target.
var kernels = [3][numTargets]kernel{
	{restoreNoneIntegersAVX2, restoreNoneMultipliedAVX2, restoreNoneDividedAVX2, restoreNoneOrderedAVX2},
	{restoreDeltaIntegersAVX2, restoreDeltaMultipliedAVX2, restoreDeltaDividedAVX2, restoreDeltaOrderedAVX2},
	{restoreSmoothIntegersAVX2, restoreSmoothMultipliedAVX2, restoreSmoothDividedAVX2, restoreSmoothOrderedAVX2},
}

// fast says that the machine has the instructions that the assembly is made of.
var fast = cpu.X86.HasAVX2

// runVectors does the work of run for as many values as vectors take, and gives
// their number and the predictor's sum after them.
func (f *frame) runVectors(v []int64, t target, sum int64, up, down float64) (n int, last int64) {
	if !fast || len(v) < 4 {
		return 0, sum
	}
	n = len(v) &^ 3
	shift := uint64(0)
	if f.predictor > smooth0 {
		shift = uint64(f.predictor - smooth0)
	}
	run := kernels[min(f.predictor, 2)][t]
	return n, run(&v[0], n/4, f.base, f.start, sum, shift, up, down)
}

// unzigzagVectors does the work of unzigzagAll for as many codes as vectors take,
// and gives their number.
func unzigzagVectors(v []int64) int {
	if !fast || len(v) < 4 {
		return 0
	}
	unzigzagAVX2(&v[0], len(v)/4)
	return len(v) &^ 3
}
