package importer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// qualities reads the statuses that columns give to samples.
type qualities struct {
	named map[string]columnar.Status // by what stands in a column of qualities
	codes QualityCodes               // what numbers are
	read  map[string]columnar.Status // what was read before
}

// newQualities reads what the values of a column of qualities mean.
func newQualities(o QualityOptions) (*qualities, error) {
	q := &qualities{named: map[string]columnar.Status{}, codes: o.Codes, read: map[string]columnar.Status{}}
	switch {
	case q.codes == "":
		q.codes = CodesAuto
	case q.codes == CodesMap && len(o.Map) == 0:
		return nil, errors.New("--quality-codes map: say with --quality-map what the codes mean, as in --quality-map 100=good")
	}
	for _, text := range o.Map {
		value, status, err := parsePair(text, "--quality-map VALUE=STATUS, such as 192=good")
		if err != nil {
			return nil, err
		}
		if q.named[value], err = parseStatus(status); err != nil {
			return nil, fmt.Errorf("--quality-map: %w", err)
		}
	}
	return q, nil
}

// status returns the status that a row's columns give to the value of a column: the
// worst of them.
func (q *qualities) status(c *chunk, b *binding, v *valueColumn, row int) (worst columnar.Status, reason string) {
	if v.quality >= 0 {
		text := c.cols[v.quality].text(row)
		if text != "" {
			if worst, reason = q.of(text); reason != "" {
				return 0, reason
			}
		}
	}
	for _, masks := range [][]mask{b.masks, v.masks} {
		for _, m := range masks {
			on, reason := masked(&c.cols[m.index], row)
			if reason != "" {
				return 0, reason
			}
			if on && m.status.Quality() >= worst.Quality() && m.status != columnar.StatusGood {
				worst = m.status
			}
		}
	}
	return worst, ""
}

// maxRead is how many texts of qualities are remembered.
const maxRead = 10_000

// of returns the status of what stands in a column of qualities.
func (q *qualities) of(text string) (columnar.Status, string) {
	if status, ok := q.named[text]; ok {
		return status, ""
	}
	if status, ok := q.read[text]; ok {
		return status, ""
	}
	code, number := codeOf(text)
	status, ok := columnar.Status(code), true
	switch {
	case q.codes == CodesMap:
		return 0, fmt.Sprintf("--quality-map does not say what the quality %q means", shorten(text))
	case number && q.codes == CodesOPCDA:
		if status, ok = classicStatus(code); !ok {
			return 0, fmt.Sprintf("%s is no quality of classic OPC; say with --quality-map what it means", shorten(text))
		}
	case !number:
		if status, ok = readQuality(text); !ok {
			return 0, fmt.Sprintf("%q is no quality: it is good, uncertain, bad or an OPC UA status code; say with --quality-map what it means", shorten(text))
		}
	}
	if len(q.read) < maxRead {
		q.read[strings.Clone(text)] = status
	}
	return status, ""
}

// readQuality reads a word: of OPC UA, or of a historian.
func readQuality(text string) (columnar.Status, bool) {
	if status, ok := readStatus(text); ok {
		return status, true
	}
	key := stateKey(text)
	if status, ok := qualityWords[key]; ok {
		return status, true
	}
	status, ok := builtIn[key]
	return status, ok
}

// qualityWords are the words for qualities that are no states, by stateKey.
var qualityWords = func() map[string]columnar.Status {
	out := map[string]columnar.Status{
		"gooddata": 0, "goodunspecified": 0, "goodprovisional": 0, "goodnonspecific": 0, "ok": 0, "valid": 0, "questionable": columnar.StatusUncertain, "suspect": columnar.StatusUncertain,
		"uncertaindatasubnormal": 0x4095_0000, "uncertainnonspecific": columnar.StatusUncertain,
	}
	for name, status := range statusNames {
		out[stateKey(name)] = status
	}
	return out
}()

// masked reports whether a mask is set in a row; nothing at all is not.
func masked(c *column, row int) (bool, string) {
	switch {
	case c.empty(row):
		return false, ""
	case c.boolean != nil:
		return c.boolean(row), ""
	case c.texts != nil:
		x, ok := booleans[strings.ToLower(c.texts[row])]
		if !ok {
			return false, fmt.Sprintf("%q in a mask is neither true nor false", shorten(c.texts[row]))
		}
		return x == 1, ""
	case c.float != nil:
		return c.float(row) != 0, ""
	}
	return false, "a mask holds neither true nor false"
}
