package importer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/trellisdb/trellis/columnar"
)

// QualityCodes says what the numbers in a column of qualities are.
type QualityCodes string

// What the numbers in a column of qualities are.
const (
	CodesAuto  QualityCodes = "auto"   // OPC DA or OPC UA, as all of them tell
	CodesOPCDA QualityCodes = "opc-da" // the quality byte of classic OPC
	CodesOPCUA QualityCodes = "opc-ua" // status codes
	CodesMap   QualityCodes = "map"    // what the map says, and nothing else
)

// classic are the qualities of OPC DA (Data Access 3.00, section 6.8: bits QQSSSS, the
// two limit bits left off) as the status codes of OPC UA Part 8, annex A.3.2.
var classic = map[uint64]columnar.Status{
	0: columnar.StatusBad, 4: badConfiguration, 8: badNotConnected, 12: badDeviceFailure, 16: badSensorFailure,
	20: badOutOfService, // last known value
	24: badNoComm, 28: badOutOfService, 32: badWaiting,
	64: columnar.StatusUncertain, 68: 0x4090_0000, // last usable value
	80:  0x4093_0000,                           // sensor not accurate
	84:  0x4094_0000,                           // engineering units exceeded
	88:  0x4095_0000,                           // sub-normal
	192: columnar.StatusGood, 216: 0x0096_0000, // local override
}

// Bits of an OPC UA status code: it is one of a data value, and the value is at a limit
// (OPC UA Part 4, section 7.39.1).
const (
	infoDataValue columnar.Status = 1 << 10
	limitShift                    = 8
)

// classicStatus returns the status of a quality of OPC DA.
func classicStatus(code uint64) (columnar.Status, bool) {
	status, ok := classic[code&^3]
	if limit := code & 3; ok && limit != 0 {
		status |= infoDataValue | columnar.Status(limit)<<limitShift
	}
	return status, ok && code < 256
}

// codeOf reads a number in a column of qualities: 192, 192.0, 0x40900000, and status
// codes that were printed as signed numbers.
func codeOf(text string) (uint64, bool) {
	if whole, fraction, dotted := strings.Cut(text, "."); dotted && strings.Trim(fraction, "0") == "" {
		text = whole
	}
	if x, err := strconv.ParseUint(text, 0, 32); err == nil {
		return x, true
	}
	x, err := strconv.ParseInt(text, 10, 32)
	return uint64(uint32(x)), err == nil
}

// maxQualities is how many different qualities are counted.
const maxQualities = 4096

// qualityCounts are how often each text stands in the columns of qualities.
type qualityCounts map[string]int64

// add counts the qualities of a chunk.
func (n qualityCounts) add(c *chunk, b *binding) {
	var seen []int
	for k := range b.values {
		i := b.values[k].quality
		if i < 0 || slices.Contains(seen, i) {
			continue
		}
		seen = append(seen, i)
		for row := range c.rows {
			text := c.cols[i].text(row)
			if _, known := n[text]; known || len(n) < maxQualities {
				if !known {
					text = strings.Clone(text)
				}
				n[text]++
			}
		}
	}
}

// decide finds out what the numbers are, by all of them that the map does not name.
func (q *qualities) decide(n qualityCounts, r *Report) error {
	var zeros, small, large, odd int64
	var smalls, oddOnes []string
	for _, text := range slices.SortedFunc(maps.Keys(n), func(a, b string) int { return int(max(-1, min(1, n[b]-n[a]))) }) {
		code, ok := codeOf(text)
		if _, named := q.named[text]; named || !ok {
			continue
		}
		_, da := classicStatus(code)
		told := fmt.Sprintf("%s (%s)", text, times(n[text]))
		switch {
		case code == 0:
			zeros += n[text]
		case da:
			small += n[text]
			smalls = append(smalls, told)
		case code < 1<<16:
			odd += n[text]
			oddOnes = append(oddOnes, told)
		default:
			large += n[text]
		}
	}
	switch {
	case odd > 0 && len(q.named) == 0:
		return fmt.Errorf("--quality: %s no code of OPC DA or OPC UA: say with --quality-map what each means, as in --quality-map 100=good; there are %s", isAre(oddOnes), first(oddOnes))
	case odd > 0:
		return fmt.Errorf("--quality: --quality-map does not say what %s", first(oddOnes)+" "+meanMeans(oddOnes))
	case small > 0 && large > 0:
		return fmt.Errorf("--quality: the codes are a mixture: %s values have codes below 256, as classic OPC DA has them, such as %s, and %s have larger ones, as OPC UA has them: say which they are with --quality-codes opc-da or opc-ua, or what each means with --quality-map",
			humanize.Comma(small), smalls[0], humanize.Comma(large))
	case small > 0:
		q.codes = CodesOPCDA
		if zeros > 0 {
			smalls = append(smalls, fmt.Sprintf("0 (%s, bad)", times(zeros)))
		}
		r.Notes = append(r.Notes, fmt.Sprintf("the qualities are codes of classic OPC DA: %s; they are stored as the OPC UA status codes of the same meaning (--quality-codes opc-da)", first(smalls)))
	case zeros > 0 && large == 0:
		q.codes = CodesOPCUA
		r.Notes = append(r.Notes, fmt.Sprintf("the only code among the qualities is 0 (%s): it is read as good, as OPC UA has it; in classic OPC it is bad: then say --quality-codes opc-da", times(zeros)))
	default:
		q.codes = CodesOPCUA
	}
	return nil
}

// isAre begins a sentence on some codes.
func isAre(codes []string) string {
	if len(codes) == 1 {
		return codes[0] + " is"
	}
	return codes[0] + " and others are"
}

func meanMeans(codes []string) string {
	if len(codes) == 1 {
		return "means"
	}
	return "mean"
}

// first lists the first few.
func first(told []string) string {
	if len(told) > 8 {
		return strings.Join(told[:8], ", ") + ", ..."
	}
	return strings.Join(told, ", ")
}

// times says how often something is there.
func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return humanize.Comma(n) + " times"
}
