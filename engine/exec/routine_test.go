package exec_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/eval"
	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
)

// asked is a source that remembers which snapshots it was asked for.
type asked struct {
	*source
	snapshots []int64
}

func (a *asked) Samples(ctx context.Context, sel columnar.Selection) (columnar.Stream, error) {
	a.snapshots = append(a.snapshots, sel.Snapshot)
	return a.source.Samples(ctx, sel)
}

func (a *asked) Summaries(ctx context.Context, sel columnar.Selection) (columnar.Stream, error) {
	a.snapshots = append(a.snapshots, sel.Snapshot)
	return a.source.Summaries(ctx, sel)
}

// sqlPlan returns a statement's plan after optimization.
func sqlPlan(t *testing.T, o exec.Options, statement string) plan.Node {
	t.Helper()
	n, err := optimize.Optimize(lowered(t, o, statement), optimize.Context{Env: o.Env})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEveryScanReadsItsSnapshot(t *testing.T) {
	src, table := newPlant(t)
	from := &asked{source: src}
	o := exec.Options{Source: from, Series: table, Env: env(t), Snapshot: 3, Workers: 4, AsOf: func(_ context.Context, at plan.Literal) (int64, error) {
		if at.T == plan.Timestamptz {
			return 40, nil
		}
		return at.Value.(int64), nil
	}}
	for _, tt := range []struct {
		name, statement string
		want            []int64
	}{
		{"that of the query", "SELECT time FROM samples LIMIT 1", []int64{3}},
		{"that of its AS OF", "SELECT time FROM samples_as_of(7) LIMIT 1", []int64{7}},
		{"the one of an instant", "SELECT time FROM samples_as_of(now()) LIMIT 1", []int64{40}},
		{"the one that a subquery names", "SELECT time FROM samples_as_of((SELECT 5 + 4)) LIMIT 1", []int64{9}},
		{"for summaries, too", "SELECT sum(value) FROM samples_as_of(7)", []int64{7}},
		{"for the newest samples, too", "SELECT time, value FROM samples_as_of(7) ORDER BY time DESC LIMIT 2", []int64{7}},
		{"for conditions on the local time, too", "SELECT count(*) FROM samples_as_of(7) WHERE extract(hour FROM local_time) = 6", []int64{7}},
		{"each its own", "SELECT count(*) FROM (SELECT series FROM samples_as_of(7) UNION ALL SELECT series FROM samples UNION ALL SELECT series FROM samples_as_of(8)) x", []int64{3, 7, 8}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from.snapshots = nil
			values(t, sqlPlan(t, o, tt.statement), o)
			slices.Sort(from.snapshots)
			if got := slices.Compact(from.snapshots); !slices.Equal(got, tt.want) {
				t.Errorf("%s reads snapshots %v, want %v", tt.statement, got, tt.want)
			}
		})
	}
	gone := errors.New("gone")
	o.AsOf = func(context.Context, plan.Literal) (int64, error) { return 0, gone }
	if _, err := tryValues(sqlPlan(t, o, "SELECT sum(value) FROM samples_as_of(7)"), o); !errors.Is(err, gone) {
		t.Errorf("a snapshot that is gone: %v", err)
	}
	var mistake *plan.Error
	_, err := tryValues(sqlPlan(t, o, "SELECT sum(value) FROM samples_as_of((SELECT NULL::bigint))"), o)
	if !errors.As(err, &mistake) || mistake.Code != plan.CodeNullNotAllowed || mistake.Pos == 0 {
		t.Errorf("a snapshot that is NULL: %v", err)
	}
}

func TestATableFunctionGetsTheValuesOfItsArguments(t *testing.T) {
	src, table := newPlant(t)
	var got []plan.Literal
	var chosen []int32
	o := exec.Options{Source: src, Series: table, Env: env(t), Functions: map[string]exec.TableFunction{
		"changes": func(_ context.Context, args []plan.Literal, series []int32) (columnar.Stream, error) {
			got, chosen = args, series
			return exec.Run(t.Context(), &plan.Values{Cols: plan.Changes.Cols, Rows: [][]plan.Expr{nulls(plan.Changes.Cols), nulls(plan.Changes.Cols)}}, exec.Options{Env: env(t)})
		},
	}}
	rows := values(t, sqlPlan(t, o, "SELECT count(*) FROM changes(3 + 4, (SELECT 9)) WHERE series IS NULL"), o)
	if len(got) != 2 || got[0].Value != int64(7) || got[1].Value != int64(9) || rows[0][0] != int64(2) {
		t.Errorf("changes(7, 9) got %v and yields %v", got, rows)
	}
	if len(chosen) != 0 {
		t.Errorf("series that is NULL is true for %v", chosen)
	}
	values(t, sqlPlan(t, o, "SELECT count(*) FROM changes(3, 4) WHERE inserted IS NULL"), o)
	if len(chosen) != len(table.Series) {
		t.Errorf("of %d series, %v are asked for", len(table.Series), chosen)
	}
	values(t, sqlPlan(t, o, "SELECT count(*) FROM changes(3, 4) WHERE series >= (SELECT max(series) FROM series)"), o)
	if len(chosen) != 1 || int(chosen[0]) != len(table.Series)-1 {
		t.Errorf("of %d series, %v are asked for", len(table.Series), chosen)
	}
	for _, statement := range []string{"SELECT * FROM changes(3, nullif(3, 3))", "SELECT * FROM samples_history('a', now(), now())"} {
		var mistake *plan.Error
		if _, err := tryValues(sqlPlan(t, o, statement), o); !errors.As(err, &mistake) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func nulls(fields []plan.Field) []plan.Expr {
	out := make([]plan.Expr, len(fields))
	for i, f := range fields {
		out[i] = plan.Null(f.Type)
	}
	return out
}

func TestRangesAreThoseOfSeriesAndTimeAlone(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t)}
	first := func() string {
		v, err := eval.FromArray(table.Batch.Column(0), plan.Text)
		if err != nil {
			t.Fatal(err)
		}
		return v.Strs[0]
	}()
	for _, tt := range []struct {
		name, where    string
		ranges, within bool // whether there are ranges; whether it is known what is touched
	}{
		{"everything", "true", true, true},
		{"a series", "series = $first", true, true},
		{"a series and a time", "series = $first AND time >= '2023-10-29' AND time < '2023-10-30'", true, true},
		{"what the catalog knows", "series IN (SELECT series FROM series WHERE labels->>'site' = 'a')", false, false},
		{"a local time", "extract(hour FROM local_time) = 6", true, true},
		{"a quality", "quality = 'bad'", false, true},
		{"every quality", "quality IN ('good', 'uncertain', 'bad')", true, true},
		{"a value", "value > 3", false, true},
		{"a time that a subquery tells", "time < (SELECT max(time) FROM samples)", true, false},
		{"no series at all", "series = 'nobody'", true, true},
		{"chance", "random() < 0.5", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.where, "random") {
				o.Env.Random = func() float64 { return 0.25 }
			}
			n := sqlPlan(t, o, "DELETE FROM samples WHERE "+strings.ReplaceAll(tt.where, "$first", "'"+first+"'")).Inputs()[0]
			series, ranges, ok, err := exec.Ranges(t.Context(), n, o)
			if err != nil || ok != tt.ranges || len(series) != len(ranges) {
				t.Fatalf("ranges %v, %v: of %d series, %d; want %v\n%s", ok, err, len(series), len(ranges), tt.ranges, plan.Sprint(n))
			}
			within, err := exec.Within(t.Context(), n, o)
			if err != nil || (within != nil) != tt.within {
				t.Fatalf("it touches %v, %v; want to know: %v", within, err, tt.within)
			}
			if !ok {
				return
			}
			// They hold the samples for which the condition is true, and no others.
			held := 0
			for i := range series {
				sel := columnar.Selection{Series: series[i : i+1], Ranges: ranges[i : i+1]}
				src.slots(&sel, 0, func(b *columnar.Block, at int) {
					if b.Has(at) {
						held++
					}
				})
			}
			rows := values(t, sqlPlan(t, o, "SELECT count(*) FROM samples WHERE "+strings.ReplaceAll(tt.where, "$first", "'"+first+"'")), o)
			if rows[0][0] != int64(held) {
				t.Errorf("the ranges hold %d samples, the condition is true for %v", held, rows[0][0])
			}
		})
	}
}
