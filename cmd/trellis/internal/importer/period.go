package importer

import (
	"errors"
	"slices"
)

// findPeriod returns the sample period of stamps: the difference between neighbours in
// time that at least half of them have, or else the greatest common divisor of all
// differences.
func findPeriod(stamps []int64) (int64, error) {
	sorted := slices.Clone(stamps)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	if len(sorted) < 2 {
		return 0, errors.New("its sample period cannot be found in one time stamp: say it with --sample-t, such as '1 second'")
	}
	counts := map[int64]int{}
	divisor := int64(0)
	for i, t := range sorted[1:] {
		d := t - sorted[i]
		counts[d]++
		for a := d; a != 0; {
			divisor, a = a, divisor%a
		}
	}
	mode := int64(0)
	for d, n := range counts {
		if n > counts[mode] || n == counts[mode] && d < mode {
			mode = d
		}
	}
	if counts[mode]*2 >= len(sorted)-1 {
		return mode, nil
	}
	return divisor, nil
}
