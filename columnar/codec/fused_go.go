//go:build !amd64 || purego

package codec

// runVectors leaves all the work to run.
func (f *frame) runVectors(_ []int64, _ target, sum int64, _, _ float64) (n int, last int64) {
	return 0, sum
}

// unzigzagVectors leaves all the work to unzigzagAll.
func unzigzagVectors([]int64) int { return 0 }
