package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/engine/plan"
)

// What is kept of the spacings of a series, and how many times the shortest step of a
// grid the usual one may be, so that the grid is taken for that of the source.
const (
	maxSpacings  = 4096
	maxThinning  = 12
	spacingsTold = 5
)

// spacing is what the stamps of a series say of its grid, found in one pass and in
// memory that does not grow with their number.
type spacing struct {
	first, last int64
	stamps      int64
	divisor     int64           // of all distances from the first; 0: there is one stamp only
	counts      map[int64]int64 // of distances between neighbours, whichever came first
	others      int64           // neighbours at distances that are not in counts
	fit         fit             // to a calendar
}

// errOneStamp is what a single stamp says of a period.
var errOneStamp = errors.New("its sample period cannot be found in one time stamp: say it with --sample-t, such as '1 second'")

// add takes in a stamp, in microseconds.
func (s *spacing) add(t int64) {
	s.stamps++
	s.fit.add(t, s.stamps == 1)
	if s.stamps == 1 {
		s.first, s.last, s.counts = t, t, map[int64]int64{}
		return
	}
	s.divisor = divisor(s.divisor, distance(t, s.first))
	d := distance(t, s.last)
	if _, known := s.counts[d]; known || len(s.counts) < maxSpacings {
		s.counts[d]++
	} else {
		s.others++
	}
	s.last = t
}

// spacingOf is the spacing of stamps of a series of a zone.
func spacingOf(stamps []int64, z *zone.Zone) *spacing {
	s := &spacing{fit: fit{zone: z}}
	for _, t := range stamps {
		s.add(t)
	}
	return s
}

// grid returns the longest period, and its phase, whose slots begin at every stamp: so
// no two different stamps share a slot. It is refused, with what there is, where that
// is so much shorter than the usual distance that it cannot be what the source meant.
func (s *spacing) grid() (period, phase int64, err error) {
	if s.divisor == 0 {
		return 0, 0, errOneStamp
	}
	usual, n, sum := int64(0), int64(0), s.others
	for d, times := range s.counts {
		if d == 0 {
			continue // a stamp that occurs twice says nothing
		}
		sum += times
		if times > n || times == n && d < usual {
			usual, n = d, times
		}
	}
	if usual != s.divisor && (n*2 < sum || usual > maxThinning*s.divisor) {
		return 0, 0, fmt.Errorf("its time stamps are on no even grid: %s; say the period that is meant with --sample-t, and --snap if samples are to go to the slot that holds their time", s.told())
	}
	phase = s.first % s.divisor
	if phase < 0 {
		phase += s.divisor
	}
	return s.divisor, phase, nil
}

// found returns the period and the phase that hit every stamp, as the table series has
// them: those of a calendar where its days, or longer units, are what the stamps follow.
func (s *spacing) found() (sampleT string, phase int64, err error) {
	period, phase, err := s.grid()
	if calendar := s.fit.period(); calendar != "" && s.divisor != 0 && (err != nil || period >= dayMicros) {
		return calendar, s.fit.clock, nil
	}
	return fmt.Sprintf("%d microseconds", period), phase, err
}

// told says which distances there are, the most frequent ones first.
func (s *spacing) told() string {
	list := make([]int64, 0, len(s.counts))
	for d := range s.counts {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b int64) int {
		if s.counts[a] != s.counts[b] {
			return int(min(1, max(-1, s.counts[b]-s.counts[a])))
		}
		return int(min(1, max(-1, a-b)))
	})
	left := s.others
	var parts []string
	for i, d := range list {
		if i >= spacingsTold {
			left += s.counts[d]
			continue
		}
		times := humanize.Comma(s.counts[d]) + " times"
		if s.counts[d] == 1 {
			times = "once"
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", plan.FormatInterval(plan.Span{Micros: d}), times))
	}
	text := "they are " + strings.Join(parts, ", ")
	if left > 0 {
		text += fmt.Sprintf(" and others (%s times)", humanize.Comma(left))
	}
	return text + " apart"
}

// distance returns how far two instants are apart.
func distance(a, b int64) int64 {
	if a < b {
		return b - a
	}
	return a - b
}

// divisor returns the greatest common divisor.
func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
