package demo

import (
	"io"
	"strings"
	"time"
)

// The formula of the ten years: air temperature in Santiago, a sample per second, in
// hundredths of a degree. All of it is integer arithmetic on int64 without overflow,
// and nothing that is divided is negative, so that Go, NumPy and SQL agree on every
// bit.
const (
	solarDay   = 86_400     // seconds
	solarYear  = 31_556_952 // seconds, the mean Gregorian year
	weatherLen = 21_600     // seconds from one knot of the weather to the next

	dayShift  = 35_240    // puts the top of the day's wave at 15:30 solar time
	yearShift = 6_679_638 // puts the top of the year's wave in the middle of January

	mean          = 1450 // hundredths of a degree, as all that follow
	dayHeight     = 620
	yearHeight    = 700
	weatherHeight = 350
	jitterHeight  = 15
)

// Formula is Temperature for people who want to make the series themselves.
const Formula = `t = seconds since 1970-01-01 00:00 UTC;  m = t - t % 60;  // = integer division;  all integers

temperature(t) = (1450 + wave(m + 35240, 86400, 620)           the day
                       + wave(m + 6679638, 31556952, 700)      the year
                       + weather(m)                            from one knot every 6 hours to the next
                       + jitter(t)) / 100.0                    the sensor

wave(x, period, height):  h = period // 2;  p = x % period;  q = p % h
                          y = 4 * height * q * (h - q) // (h * h);  p < h ? y : -y
weather(m):               k = m // 21600;  r = m % 21600
                          (hash(k) % 701 * (21600 - r) + hash(k + 1) % 701 * r) // 21600 - 350
jitter(t):                h = hash(t);  (h & 15) + (h >> 8 & 15) - 15
hash(x):                  x = x * 625341585 & 2147483647;  x = x ^ x >> 15
                          x = x * 739982445 & 2147483647;  x ^ x >> 12
`

// hash returns 31 bits that look random: two rounds of multiplying and shifting, as
// in the finishers of MurmurHash, kept below 2^62.
func hash(x int64) int64 {
	const mask = 1<<31 - 1
	x = x * 625_341_585 & mask
	x ^= x >> 15
	x = x * 739_982_445 & mask
	return x ^ x>>12
}

// wave is a sine made of parabolas: half a period above zero, half a period below.
func wave(x, period, height int64) int64 {
	h := period / 2
	p := x % period
	q := p % h
	y := 4 * height * q * (h - q) / (h * h)
	if p < h {
		return y
	}
	return -y
}

// weather goes in straight lines between random temperatures every six hours.
func weather(m int64) int64 {
	const span = 2*weatherHeight + 1
	k, r := m/weatherLen, m%weatherLen
	return (hash(k)%span*(weatherLen-r)+hash(k+1)%span*r)/weatherLen - weatherHeight
}

// slow is the part of the temperature that is the same for a minute, from second m on.
func slow(m int64) int64 {
	return mean + wave(m+dayShift, solarDay, dayHeight) + wave(m+yearShift, solarYear, yearHeight) + weather(m)
}

// jitter is the noise of the sensor: the sum of two numbers of four bits.
func jitter(t int64) int64 {
	h := hash(t)
	return h&15 + h>>8&15 - jitterHeight
}

// Temperature returns the temperature at a second since the epoch, which is not
// negative, in degrees.
func Temperature(t int64) float64 {
	return float64(slow(t-t%60)+jitter(t)) / 100
}

// fill makes the samples from a second on, which begins a minute: instants in
// microseconds and temperatures. Both slices have the same length.
func fill(times []int64, values []float64, from int64) {
	for begin := 0; begin < len(values); begin += 60 {
		m := from + int64(begin)
		base := slow(m)
		minute := values[begin:min(begin+60, len(values))]
		stamps := times[begin:][:len(minute)]
		for i := range minute {
			t := m + int64(i)
			stamps[i] = t * 1_000_000
			minute[i] = float64(base+jitter(t)) / 100
		}
	}
}

// Range is what the formula is evaluated over: seconds from one on, up to another.
type Range struct{ From, To int64 }

// The ten years, and where a run of less than the last four months of them begins: at
// a clock change.
var (
	endOfYears  = time.Date(2025, 1, 1, 3, 0, 0, 0, time.UTC) // midnight in Santiago
	beforeShift = time.Date(2024, 9, 1, 4, 0, 0, 0, time.UTC) // midnight in Santiago, a week before the clocks go forward
)

// Years returns the range of so many years that ends with 2024, in whole hours; of
// less than four months, one that begins in September 2024, so that the clocks of
// Santiago change within it.
func Years(years float64) Range {
	whole := int(years)
	from := endOfYears.AddDate(-whole, 0, 0)
	from = from.Add(-time.Duration((years - float64(whole)) * 365.25 * 24 * float64(time.Hour))).Truncate(time.Hour)
	to := endOfYears
	if from.After(beforeShift) {
		from, to = beforeShift, beforeShift.Add(to.Sub(from))
	}
	return Range{from.Unix(), to.Unix()}
}

// Seconds returns the number of samples in the range.
func (r Range) Seconds() int64 { return r.To - r.From }

// String returns the two ends in UTC.
func (r Range) String() string {
	const layout = "2006-01-02 15:04"
	return time.Unix(r.From, 0).UTC().Format(layout) + " to " + time.Unix(r.To, 0).UTC().Format(layout) + " UTC"
}

// writeFormula writes the formula, set in from the margin.
func writeFormula(w io.Writer) error {
	_, err := io.WriteString(w, "    "+strings.ReplaceAll(strings.TrimSpace(Formula), "\n", "\n    ")+"\n")
	return err
}
