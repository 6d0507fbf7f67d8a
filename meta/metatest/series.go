package metatest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/meta"
)

func newCatalog(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	equal(t, "series", len(must[[]meta.Series](t)(c.Series(ctx))), 0)
	equal(t, "latest snapshots", must[meta.Snapshot](t)(c.Latest(ctx)), meta.Snapshot{})
	equal(t, "snapshots", len(must[[]meta.Snapshot](t)(c.Snapshots(ctx))), 0)
	equal(t, "segments", len(must[[]meta.Segment](t)(c.Segments(ctx, 0))), 0)
	equal(t, "settings", len(must[map[string]string](t)(c.Settings(ctx))), 0)
	equal(t, "series created from none", len(must[[]meta.Series](t)(c.CreateSeries(ctx, nil))), 0)
	equal(t, "generations", must[int64](t)(c.Generation(ctx)), must[int64](t)(c.Generation(ctx)))
}

// samplers are series that between them use every value of every attribute.
func samplers() []meta.Series {
	low, high, zero, tiny := -273.15, math.MaxFloat64, 0.0, math.SmallestNonzeroFloat64
	list := []meta.Series{
		{
			Series:   columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: 1, BlockLen: 1}, Interpolation: columnar.Linear},
			Name:     "plant1/boiler/steam.temp",
			Zone:     "Europe/Berlin",
			Unit:     "°C",
			Low:      &low,
			High:     &high,
			LabelEnd: true,
			Codec:    "decimal",
			Labels:   `{"site": "Ütersen", "floor": 3, "tags": ["a", null]}`,
			Created:  1_700_000_000_000_001,
		},
		{
			Series:      columnar.Series{Type: columnar.Float, Grid: columnar.Grid{Period: columnar.MaxPeriod, BlockLen: columnar.MaxBlockLen}, Interpolation: columnar.Step},
			Name:        "工場/ボイラー 🔥/«a b»",
			Zone:        "America/Santiago",
			Low:         &zero,
			Retention:   math.MaxInt64,
			Codec:       "auto",
			Labels:      "{}",
			Description: "two lines\nand a quote: '; DROP TABLE series; --",
			Created:     -1,
		},
		{Name: "integer", Series: columnar.Series{Type: columnar.Integer}, High: &tiny},
		{Name: "Integer", Series: columnar.Series{Type: columnar.Integer}, High: &low},
		{Name: "boolean", Series: columnar.Series{Type: columnar.Boolean}, States: []string{"off", "on"}},
		{Name: "boolean without states", Series: columnar.Series{Type: columnar.Boolean}},
		{Name: "enum", Series: columnar.Series{Type: columnar.Enum}, States: []string{"läuft", "steht, wartet", `"\n"`}},
		{Name: "text", Series: columnar.Series{Type: columnar.Text}, Zone: "UTC"},
		{Name: strings.Repeat("n", meta.MaxName), Series: columnar.Series{Type: columnar.Text}},
	}
	for i := range list {
		if list[i].Grid.Period == 0 {
			list[i].Grid.Period = 60_000_000
		}
		list[i] = list[i].WithDefaults()
	}
	return list
}

func seriesAttributes(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	want := samplers()
	created := must[[]meta.Series](t)(c.CreateSeries(ctx, want))
	seen := map[int64]bool{0: true}
	for i := range created {
		if seen[created[i].ID] || created[i].ID < 0 {
			t.Errorf("series %q has id %d, which is not positive or was given before", created[i].Name, created[i].ID)
		}
		seen[created[i].ID] = true
		want[i].ID = created[i].ID
	}
	equal(t, "created series", created, want)
	slices.SortFunc(want, func(a, b meta.Series) int { return strings.Compare(a.Name, b.Name) })
	equal(t, "series read", must[[]meta.Series](t)(c.Series(ctx)), want)
}

func seriesDefaults(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	bare := meta.Series{Name: "bare", Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: 1_000_000}}}
	must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{bare}))
	got := must[[]meta.Series](t)(c.Series(ctx))[0]
	got.ID = 0
	want := bare
	want.Grid.BlockLen, want.Zone, want.Codec, want.Labels = 3600, "UTC", "auto", "{}"
	equal(t, "series", got, want)
}

func seriesOrder(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	for _, name := range []string{"m", "z", "a", "a/b", "a b", "Z", "é", "10", "9"} {
		must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double(name)}))
		got := names(must[[]meta.Series](t)(c.Series(ctx)))
		if !slices.IsSorted(got) || !slices.Contains(got, name) {
			t.Fatalf("after creating %q the series are %q", name, got)
		}
	}
	equal(t, "names", names(must[[]meta.Series](t)(c.Series(ctx))), []string{"10", "9", "Z", "a", "a b", "a/b", "m", "z", "é"})
}

func seriesExists(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("a"), double("b")}))
	before := snapshotOfSeries(t, c)
	_, err := c.CreateSeries(ctx, []meta.Series{double("new"), double("b"), double("newer"), double("a")})
	wantError(t, err, meta.ErrExists, `"a"`, `"b"`)
	if err != nil && strings.Contains(err.Error(), `"new`) {
		t.Errorf("%v names a series that does not exist", err)
	}
	_, err = c.CreateSeries(ctx, []meta.Series{double("twice"), double("twice")})
	wantError(t, err, meta.ErrExists, `"twice"`)
	before.unchanged(t, c)

	var crowd []meta.Series
	for i := range 1000 {
		crowd = append(crowd, double(fmt.Sprintf("crowd %d %s", i, strings.Repeat("x", 900))))
	}
	must[[]meta.Series](t)(c.CreateSeries(ctx, crowd))
	_, err = c.CreateSeries(ctx, crowd)
	wantError(t, err, meta.ErrExists, "crowd 0", "990 more")
	created := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("new")}))
	for _, s := range must[[]meta.Series](t)(c.Series(ctx)) {
		if s.ID == created[0].ID && s.Name != "new" {
			t.Errorf("id %d belongs to %q and to %q", s.ID, s.Name, "new")
		}
	}
}

func seriesInvalid(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	before := snapshotOfSeries(t, c)
	wrong := double("wrong")
	wrong.Zone = "Europe/Atlantis"
	_, err := c.CreateSeries(ctx, []meta.Series{double("right"), wrong})
	wantError(t, err, meta.ErrInvalid, `"wrong"`, "Europe/Atlantis")
	before.unchanged(t, c)
}

func updateAttributes(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	low := 1.5
	series := double("before")
	series.Type, series.States, series.Created = columnar.Enum, []string{"a"}, 7
	created := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("other"), series}))
	want := created[1]
	want.Interpolation = columnar.Step
	want.Name, want.Zone, want.Unit, want.Codec, want.Description = "after", "Asia/Kolkata", "m³/h", "packed", "changed"
	want.Retention = 86_400_000_000
	want.Low, want.LabelEnd, want.Labels, want.States = &low, true, `{"a":1}`, []string{"b", "a"}
	check(t, c.UpdateSeries(ctx, []meta.Series{want}))
	equal(t, "series", must[[]meta.Series](t)(c.Series(ctx)), []meta.Series{want, created[0]})

	want.Low, want.Created = nil, 8
	check(t, c.UpdateSeries(ctx, []meta.Series{want}))
	want.Created = 7
	equal(t, "series", must[[]meta.Series](t)(c.Series(ctx)), []meta.Series{want, created[0]})
	check(t, c.UpdateSeries(ctx, nil))
}

func updateRefused(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	enum := double("enum")
	enum.Type, enum.States = columnar.Enum, []string{"a", "b"}
	created := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("a"), double("b"), enum}))
	tests := []struct {
		name   string
		series int
		change func(s *meta.Series)
		want   error
		say    string
	}{
		{"a type never changes", 0, func(s *meta.Series) { s.Type = columnar.Integer }, meta.ErrInvalid, "type"},
		{"a period never changes", 0, func(s *meta.Series) { s.Grid.Period++ }, meta.ErrInvalid, "period"},
		{"a block length never changes", 0, func(s *meta.Series) { s.Grid.BlockLen++ }, meta.ErrInvalid, "block length"},
		{"a state is never left out", 2, func(s *meta.Series) { s.States = s.States[:1] }, meta.ErrInvalid, "states"},
		{"an attribute stays valid", 0, func(s *meta.Series) { s.Zone = "Mars/Olympus" }, meta.ErrInvalid, "Mars/Olympus"},
		{"a name that is taken is named", 0, func(s *meta.Series) { s.Name = "b" }, meta.ErrExists, `"b"`},
		{"an id that does not exist is named", 0, func(s *meta.Series) { s.ID = 4711 }, meta.ErrNotFound, "4711"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := snapshotOfSeries(t, c)
			fine := created[1]
			fine.Unit = "changed"
			wrong := created[test.series]
			test.change(&wrong)
			wantError(t, c.UpdateSeries(t.Context(), []meta.Series{fine, wrong}), test.want, test.say)
			before.unchanged(t, c)
		})
	}
	before := snapshotOfSeries(t, c)
	wantError(t, c.UpdateSeries(t.Context(), []meta.Series{created[0], created[0]}), meta.ErrInvalid, "twice")
	one, two := created[0], created[1]
	one.Name, two.Name = "new", "new"
	wantError(t, c.UpdateSeries(t.Context(), []meta.Series{one, two}), meta.ErrExists, `"new"`)
	before.unchanged(t, c)
}

func updateExchangesNames(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	s := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("a"), double("b"), double("c")}))
	s[0].Name, s[1].Name, s[2].Name = "b", "c", "a"
	check(t, c.UpdateSeries(ctx, s))
	equal(t, "series", must[[]meta.Series](t)(c.Series(ctx)), []meta.Series{s[2], s[0], s[1]})
}

func generationGrows(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	last := must[int64](t)(c.Generation(ctx))
	grown := func(after string) {
		t.Helper()
		now := must[int64](t)(c.Generation(ctx))
		if now <= last {
			t.Errorf("after %s the generation is %d and was %d", after, now, last)
		}
		last = now
	}
	s := must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("a")}))
	grown("creating a series")
	s[0].Unit = "kg"
	check(t, c.UpdateSeries(ctx, s))
	grown("changing a series")
	first := must[[]meta.Series](t)(c.Series(ctx))
	must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("0"), double("b")}))
	grown("creating more series")
	equal(t, "names in a list that was read before", names(first), []string{"a"})
	equal(t, "names", names(must[[]meta.Series](t)(c.Series(ctx))), []string{"0", "a", "b"})
	equal(t, "generations after reading", must[int64](t)(c.Generation(ctx)), last)
}

func manySeries(t *testing.T, open Opener) {
	c, ctx := openNew(t, open), t.Context()
	const n = 100_000
	list := make([]meta.Series, n)
	for i := range list {
		list[i] = double(fmt.Sprintf("plant%02d/area%03d/sensor%05d", i%7, i%301, i))
	}
	must[[]meta.Series](t)(c.CreateSeries(ctx, list))
	got := must[[]meta.Series](t)(c.Series(ctx))
	equal(t, "numbers of series", len(got), n)
	want := names(list)
	slices.Sort(want)
	if !slices.Equal(names(got), want) {
		t.Error("the names read are not those created")
	}
	must[[]meta.Series](t)(c.CreateSeries(ctx, []meta.Series{double("a"), double("z")}))
	got = must[[]meta.Series](t)(c.Series(ctx))
	equal(t, "first and last", []string{got[0].Name, got[n+1].Name}, []string{"a", "z"})
}

// seriesState is what a catalog said about its series.
type seriesState struct {
	generation int64
	series     []meta.Series
}

func snapshotOfSeries(t *testing.T, c meta.Catalog) seriesState {
	t.Helper()
	return seriesState{
		generation: must[int64](t)(c.Generation(t.Context())),
		series:     slices.Clone(must[[]meta.Series](t)(c.Series(t.Context()))),
	}
}

// unchanged reports what the catalog says differently now.
func (s seriesState) unchanged(t *testing.T, c meta.Catalog) {
	t.Helper()
	now := snapshotOfSeries(t, c)
	equal(t, "series", now.series, s.series)
	equal(t, "generations", now.generation, s.generation)
}

// wantError reports an error that does not wrap want or does not say what it should.
func wantError(t *testing.T, err, want error, say ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %q, want one that wraps %q", fmt.Sprint(err), want)
	}
	for _, s := range say {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error %q does not say %s", err, s)
		}
	}
}
