package store_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
)

// liar is a catalog whose rows of segments and series are damaged.
type liar struct {
	meta.Catalog
	segment func(m *meta.Segment)
	series  func(s *meta.Series)
}

func (l liar) Series(ctx context.Context) ([]meta.Series, error) {
	all, err := l.Catalog.Series(ctx)
	all = slices.Clone(all)
	for i := range all {
		if l.series != nil {
			l.series(&all[i])
		}
	}
	return all, err
}

func (l liar) Segments(ctx context.Context, snapshot int64) ([]meta.Segment, error) {
	return l.lie(l.Catalog.Segments(ctx, snapshot))
}

func (l liar) AllSegments(ctx context.Context) ([]meta.Segment, error) {
	return l.lie(l.Catalog.AllSegments(ctx))
}

func (l liar) lie(all []meta.Segment, err error) ([]meta.Segment, error) {
	for i := range all {
		if l.segment != nil {
			l.segment(&all[i])
		}
	}
	return all, err
}

// openLying opens the store with a catalog that lies, and closes it at the end.
func (a *alikes) openLying(t *testing.T, l liar) liar {
	t.Helper()
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Catalog = a.catalog
	sound := a.catalog
	a.catalog = l
	a.open(t)
	a.catalog = sound
	t.Cleanup(func() { a.reopen(t) })
	return l
}

func TestASegmentThatIsNotWhatItsRowSaysIsNotRead(t *testing.T) {
	t.Parallel()
	a := newAlikes(t)
	kinds := map[string]func(m meta.Segment) bool{
		"live":    func(m meta.Segment) bool { return m.Retired == 0 && !m.History },
		"retired": func(m meta.Segment) bool { return m.Retired > 0 },
		"history": func(m meta.Segment) bool { return m.History },
	}
	lies := []struct {
		name string
		lie  func(m *meta.Segment)
		want string
	}{
		{"size", func(m *meta.Segment) { m.Size-- }, "bytes "},
		{"series", func(m *meta.Segment) { m.Series++ }, "series 2, not 3"},
		{"blocks", func(m *meta.Segment) { m.Blocks ^= 1 << 40 }, "blocks 6, not"},
		{"samples", func(m *meta.Segment) { m.Samples-- }, "samples 96, not 95"},
		{"from", func(m *meta.Segment) { m.From-- }, "first instant"},
		{"to", func(m *meta.Segment) { m.To++ }, "last instant"},
		{"digest", func(m *meta.Segment) { m.Digest ^= 1 << 63 }, "digest"},
		{"digest that is gone", func(m *meta.Segment) { m.Digest = 0 }, "not none"},
	}
	for kind, is := range kinds {
		at := slices.IndexFunc(a.segments, is)
		if at < 0 {
			t.Fatalf("no segment is %s", kind)
		}
		name := a.segments[at].Name
		for _, test := range lies {
			t.Run(kind+" "+test.name, func(t *testing.T) {
				a.openLying(t, liar{segment: func(m *meta.Segment) {
					if m.Name == name {
						test.lie(m)
					}
				}})
				got := a.ask(a.series)
				if a.named(t, got, name) == 0 {
					t.Error("nothing was noticed")
				}
				for question, answer := range got {
					if answer.err != nil && (!strings.Contains(answer.err.Error(), test.want) || !strings.Contains(answer.err.Error(), "trellis verify")) {
						t.Errorf("%s: %v", question, answer.err)
					}
				}
			})
		}
	}
}

func TestNothingIsReadOfASeriesThatTheSegmentHasOtherwise(t *testing.T) {
	t.Parallel()
	a := newAlikes(t)
	id := a.series[0].ID
	for _, test := range []struct {
		name string
		lie  func(s *meta.Series)
		want string
	}{
		{"period", func(s *meta.Series) { s.Grid.Period *= 2 }, "a sample every 2000000 µs"},
		{"phase", func(s *meta.Series) { s.Grid.Phase = 7 }, "µs"},
		{"block length", func(s *meta.Series) { s.Grid.BlockLen = 32 }, "32 slots a block"},
		{"type", func(s *meta.Series) { s.Type = columnar.Float }, "the catalog as float"},
		{"type of another kind", func(s *meta.Series) { s.Type = columnar.Text }, "the catalog as text"},
		{"calendar period", func(s *meta.Series) {
			var err error
			if s.Grid, err = columnar.NewGrid(zone.Width{Days: 1}, zone.UTC, 0, 16); err != nil {
				panic(err)
			}
		}, "the catalog as double"},
		{"id", func(s *meta.Series) { s.ID = 77 }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := a.openLying(t, liar{series: func(s *meta.Series) {
				if s.ID == id {
					test.lie(s)
				}
			}})
			all, err := l.Series(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range all {
				for question, answer := range a.ask([]columnar.Series{all[i].Series}) {
					switch {
					case all[i].ID == 77:
						// A series of another id is another series, in which there is nothing.
					case all[i].ID != id:
						if answer.err != nil || answer.text != a.want[question].text {
							t.Errorf("%s of the other series: %v", question, answer.err)
						}
					case strings.HasSuffix(question, " 0") && answer.err == nil:
						t.Errorf("%s: no error: %s", question, answer.text)
					case answer.err == nil:
						t.Errorf("%s: no error", question)
					case !errors.Is(answer.err, columnar.ErrCorrupt) || !strings.Contains(answer.err.Error(), test.want) || !strings.Contains(answer.err.Error(), "segment segments/"):
						t.Errorf("%s: %v", question, answer.err)
					}
				}
			}
		})
	}
}

// TestASeriesMayChangeInWhatSegmentsDoNotDependOn changes the interpolation between
// flushes, which the footers have: blocks of both are merged, and read.
func TestASeriesMayChangeInWhatSegmentsDoNotDependOn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.options.CompactRate, d.options.Keep = -1, 0
	d.open(t)
	s := d.create(t, "a", columnar.Double, columnar.Grid{Period: second, BlockLen: 16})
	for k := range 4 {
		if k == 2 {
			all, err := d.catalog.Series(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			changed := all[0]
			changed.Interpolation = columnar.Step
			if err := d.catalog.UpdateSeries(t.Context(), []meta.Series{changed}); err != nil {
				t.Fatal(err)
			}
			s = changed.Series
		}
		d.append(t, ramp(s, int64(k)*40, 40))
		d.flush(t)
	}
	sel := columnar.Selection{Series: []columnar.Series{s}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality}
	if got := readSamples(t, d.Store, sel); len(got) != 160 {
		t.Errorf("%d samples", len(got))
	}
	if err := d.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := readSamples(t, d.Store, sel); len(got) != 160 {
		t.Errorf("%d samples after compaction", len(got))
	}
	if n := len(d.Segments()); n != 1 {
		t.Errorf("%d segments", n)
	}
}
