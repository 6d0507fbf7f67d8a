package store

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/segment"
	"github.com/trellisdb/trellis/meta"
)

// describe returns the catalog's row of a segment.
func describe(name string, info segment.Info) meta.Segment {
	return meta.Segment{
		Name: name, Size: info.Size, Series: int64(info.Series), Blocks: info.Blocks, Samples: info.Samples,
		From: info.From, To: info.To, CRC: info.Checksum, Digest: info.Digest,
	}
}

// whatToDo ends the errors of a file and a catalog that contradict each other.
const whatToDo = "trellis verify shows all that is damaged"

// CompareSegment wraps columnar.ErrCorrupt where a segment's footer is not what the
// catalog's row says, and names what differs: another file is in the place of the
// segment, or the row is damaged. That the blocks are those of the footer is known when
// they are read.
func CompareSegment(m *meta.Segment, r *segment.Reader) error {
	info := r.Info()
	var differ []string
	note := func(what string, have, want any) {
		if have != want {
			differ = append(differ, fmt.Sprintf("%s %v, not %v", what, have, want))
		}
	}
	note("digest", digestText(info.Digest), digestText(m.Digest))
	note("bytes", info.Size, m.Size)
	note("series", int64(info.Series), m.Series)
	note("blocks", info.Blocks, m.Blocks)
	note("samples", info.Samples, m.Samples)
	if !sameSpan(r.Series(), info, m) {
		note("first instant", info.From, m.From)
		note("last instant", info.To, m.To)
	}
	if len(differ) == 0 {
		return nil
	}
	return fmt.Errorf("segment %s: %w: it is not what the catalog says: it has %s; %s", m.Name, columnar.ErrCorrupt, strings.Join(differ, ", "), whatToDo)
}

// digestText writes a digest for people.
func digestText(digest uint64) string {
	if digest == 0 {
		return "none"
	}
	return fmt.Sprintf("%016x", digest)
}

// zoneShift is more than a new version of the time zone database moves an instant by.
const zoneShift = 2 * 24 * 3600 * 1_000_000

// sameSpan reports whether a segment spans what the catalog says. The instants of a
// calendar period follow from the time zone database, which may be newer than the row.
func sameSpan(series []segment.SeriesInfo, info segment.Info, m *meta.Segment) bool {
	if info.From == m.From && info.To == m.To {
		return true
	}
	return slices.ContainsFunc(series, func(s segment.SeriesInfo) bool { return s.Grid.Calendar != nil }) &&
		max(info.From-m.From, m.From-info.From, info.To-m.To, m.To-info.To) < zoneShift
}

// sameShape reports whether two records of a series put its samples at the same times
// and read them alike. What else there is of a series may change.
func sameShape(a, b *columnar.Series) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Grid == b.Grid
}

// strange returns the series of a footer that are not among those of the catalog, of
// which the shapes are given, in order of id.
func strange(series []segment.SeriesInfo, shapes []columnar.Series) (found []*segment.SeriesInfo) {
	at := 0
	for i := range series {
		s := &series[i]
		at = seek(shapes, at, s.ID)
		if at == len(shapes) || !sameShape(&s.Series, &shapes[at]) {
			found = append(found, s)
			continue
		}
		at++
	}
	return found
}

// seek returns the first of the shapes from at on whose id is at least id. It looks near at
// first, since a segment has most series of a range, or few.
func seek(shapes []columnar.Series, at int, id int64) int {
	step := 1
	for at < len(shapes) && shapes[at].ID < id {
		low := at + 1
		if at += step; at >= len(shapes) || shapes[at].ID >= id {
			high := min(at, len(shapes))
			return low + sort.Search(high-low, func(k int) bool { return shapes[low+k].ID >= id })
		}
		step *= 2
	}
	return at
}

// compareSeries returns an error for each series of a segment of which the catalog says
// something else than the footer; nil where there is none. Its error is one of asking
// the catalog.
func (s *Store) compareSeries(ctx context.Context, name string, series []segment.SeriesInfo) (map[int64]error, error) {
	if len(strange(series, s.known.shapes())) == 0 {
		return nil, nil
	}
	// They may have been created since the catalog was last asked.
	byID, err := s.known.byID(ctx, s.catalog)
	if err != nil {
		return nil, err
	}
	var wrong map[int64]error
	for _, info := range strange(series, s.known.shapes()) {
		if wrong == nil {
			wrong = make(map[int64]error)
		}
		wrong[info.ID] = fmt.Errorf("segment %s: series %d: %w; %s", name, info.ID, compareOne(info, byID[info.ID]), whatToDo)
	}
	return wrong, nil
}

// compareOne wraps columnar.ErrCorrupt where a footer has a series with another shape
// than the catalog, which may not know it. The error names neither segment nor series.
func compareOne(info *segment.SeriesInfo, known *meta.Series) error {
	switch {
	case known == nil:
		return fmt.Errorf("%w: the catalog does not know the series", columnar.ErrCorrupt)
	case !sameShape(&info.Series, &known.Series):
		return fmt.Errorf("%w: it has the series as %v, %v; the catalog as %v, %v, and calls it %q",
			columnar.ErrCorrupt, info.Type, info.Grid, known.Type, known.Grid, known.Name)
	}
	return nil
}

// shapes returns what the catalog said of its series when it was last asked, in order of
// id. They are shared and must not be changed.
func (c *seriesCache) shapes() []columnar.Series {
	c.Lock()
	defer c.Unlock()
	if c.inOrder == nil && len(c.series) > 0 {
		c.inOrder = make([]columnar.Series, 0, len(c.series))
		for _, s := range c.series {
			c.inOrder = append(c.inOrder, s.Series)
		}
		slices.SortFunc(c.inOrder, func(a, b columnar.Series) int { return int(min(max(a.ID-b.ID, -1), 1)) })
	}
	return c.inOrder
}
