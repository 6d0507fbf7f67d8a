package importer

import (
	"fmt"
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// qualities reads the statuses that columns give to samples.
type qualities struct {
	named map[string]columnar.Status // by what stands in a column of qualities
}

// newQualities reads what the values of a column of qualities mean.
func newQualities(o QualityOptions) (*qualities, error) {
	q := &qualities{named: map[string]columnar.Status{}}
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
		status, ok := q.named[text]
		if !ok && text != "" {
			if status, ok = readStatus(text); !ok {
				return 0, fmt.Sprintf("%q is no quality: it is good, uncertain, bad or an OPC UA status code; say with --quality-map what it means", shorten(text))
			}
			q.named[text] = status
		}
		worst = status
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
