package exec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellisdb/trellis/engine/exec"
	"github.com/trellisdb/trellis/engine/optimize"
	"github.com/trellisdb/trellis/engine/plan"
	"github.com/trellisdb/trellis/engine/sql"
)

// lowered returns the plan of a statement.
func lowered(t testing.TB, o exec.Options, statement string) plan.Node {
	t.Helper()
	parsed, err := sql.Parse(statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	n, _, err := sql.Lower(parsed, sql.Scope{Zone: o.Env.Zone, Now: o.Env.Now})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// query runs a statement, as it is lowered and optimized, and returns its rows as
// text. Both must answer the same.
func query(t testing.TB, o exec.Options, statement string) string {
	t.Helper()
	n := lowered(t, o, statement)
	better, err := optimize.Optimize(n, optimize.Context{Env: o.Env})
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	plain, plainErr := shown(n, o)
	fast, err := shown(better, o)
	if plain != fast {
		t.Errorf("%s\nis optimized to another answer: %s", statement, cmp.Diff(plain, fast))
	}
	var mistake *plan.Error
	if err != nil && (!errors.As(err, &mistake) || plainErr == nil) {
		t.Fatalf("%s: %v, %v", statement, plainErr, err)
	}
	if mistake != nil {
		return mistake.Code
	}
	return fast
}

// shown returns the rows of a plan as text.
func shown(n plan.Node, o exec.Options) (string, error) {
	rows, err := tryValues(n, o)
	lines := make([]string, len(rows))
	for i, row := range rows {
		texts := make([]string, len(row))
		for k, v := range row {
			texts[k] = "NULL"
			if v != nil {
				texts[k] = plan.FormatValue(v, n.Fields()[k].Type, o.Env.Zone)
			}
		}
		lines[i] = strings.Join(texts, ",")
	}
	return strings.Join(lines, " "), err
}

func TestOperators(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t)}
	const numbers = "(VALUES (1, 'one'), (2, 'two'), (2, 'zwei'), (NULL, 'none'), (4, 'four')) n(i, s)"
	const others = "(VALUES (2, 'x'), (4, 'y'), (4, 'z'), (NULL, 'w'), (5, 'v')) m(i, s)"
	for _, c := range []struct{ name, statement, want string }{
		{"a filter keeps rows for which it is true, not NULL", "SELECT s FROM " + numbers + " WHERE i > 1", "two zwei four"},
		{"an inner join pairs equal keys and no NULLs", "SELECT n.s, m.s FROM " + numbers + " JOIN " + others + " ON n.i = m.i", "two,x zwei,x four,y four,z"},
		{"a left join keeps left rows without a partner", "SELECT n.s, m.s FROM " + numbers + " LEFT JOIN " + others + " ON n.i = m.i", "two,x zwei,x four,y four,z one,NULL none,NULL"},
		{"a right join keeps right rows without a partner", "SELECT n.s, m.s FROM " + numbers + " RIGHT JOIN " + others + " ON n.i = m.i", "two,x zwei,x four,y four,z NULL,w NULL,v"},
		{"a full join keeps both", "SELECT n.s, m.s FROM " + numbers + " FULL JOIN " + others + " ON n.i = m.i", "two,x zwei,x four,y four,z one,NULL none,NULL NULL,w NULL,v"},
		{"a condition of a left join makes rows without a partner", "SELECT n.s, m.s FROM " + numbers + " LEFT JOIN " + others + " ON n.i = m.i AND m.s > 'x'", "four,y four,z one,NULL two,NULL zwei,NULL none,NULL"},
		{"a join on an inequality", "SELECT n.i, m.i FROM " + numbers + " JOIN " + others + " ON n.i > m.i", "4,2"},
		{"a cross join pairs all", "SELECT count(*) FROM " + numbers + ", " + others, "25"},
		{"a cross join with nothing is nothing", "SELECT count(*) FROM " + numbers + " CROSS JOIN (SELECT 1 WHERE false) z", "0"},
		{"IN a subquery is a semi join", "SELECT s FROM " + numbers + " WHERE i IN (SELECT i FROM " + others + ")", "two zwei four"},
		{"union all keeps duplicates", "SELECT i FROM " + numbers + " UNION ALL SELECT i FROM " + others, "1 2 2 NULL 4 2 4 4 NULL 5"},
		{"union leaves them out", "SELECT i FROM " + numbers + " UNION SELECT i FROM " + others, "1 2 NULL 4 5"},
		{"intersect keeps what is in both", "SELECT i FROM " + numbers + " INTERSECT SELECT i FROM " + others, "2 NULL 4"},
		{"intersect all keeps the lesser number", "SELECT i FROM " + others + " INTERSECT ALL SELECT i FROM (VALUES (4), (4), (4), (5)) q(i)", "4 4 5"},
		{"except takes away", "SELECT i FROM " + numbers + " EXCEPT SELECT i FROM " + others, "1"},
		{"except all takes away one by one", "SELECT i FROM " + numbers + " EXCEPT ALL SELECT i FROM (VALUES (2), (NULL)) q(i)", "1 2 4"},
		{"NULLs come last going up", "SELECT i FROM " + numbers + " ORDER BY i", "1 2 2 4 NULL"},
		{"NULLs come first going down", "SELECT i FROM " + numbers + " ORDER BY i DESC", "NULL 4 2 2 1"},
		{"NULLS LAST is obeyed", "SELECT i FROM " + numbers + " ORDER BY i DESC NULLS LAST", "4 2 2 1 NULL"},
		{"text is sorted by its bytes", "SELECT s FROM (VALUES ('b'), ('B'), ('é'), ('a'), ('Z')) q(s) ORDER BY s", "B Z a b é"},
		{"a sort is stable", "SELECT s FROM " + numbers + " ORDER BY i = 4", "one two zwei four none"},
		{"limit and offset", "SELECT i FROM generate_series(1, 100000) g(i) ORDER BY i DESC LIMIT 3 OFFSET 2", "99998 99997 99996"},
		{"limit zero", "SELECT i FROM " + numbers + " LIMIT 0", ""},
		{"a negative limit is refused", "SELECT i FROM " + numbers + " LIMIT (SELECT -1)", plan.CodeInvalidValue},
		{"a series that counts down", "SELECT i FROM generate_series(3, -1, -2) g(i)", "3 1 -1"},
		{"a series of months", "SELECT extract(month FROM i) FROM generate_series('2024-01-31'::timestamp, '2024-04-30', '1 month') g(i)", "1 2 3 4"},
		{"a step of zero is refused", "SELECT i FROM generate_series(1, 2, 0) g(i)", plan.CodeInvalidValue},
		{"a scalar subquery", "SELECT i FROM " + numbers + " WHERE i = (SELECT max(i) FROM " + numbers + ")", "4"},
		{"a scalar subquery of no rows is NULL", "SELECT (SELECT 1 WHERE false) IS NULL", "true"},
		{"a scalar subquery of two rows is refused", "SELECT (SELECT i FROM " + numbers + ")", plan.CodeCardinality},
		{"groups have NULL as a value", "SELECT i, count(*) FROM " + numbers + " GROUP BY i", "1,1 2,2 NULL,1 4,1"},
		{"grouping sets", "SELECT i, s, count(*) FROM (VALUES (1, 'a'), (1, 'b')) q(i, s) GROUP BY GROUPING SETS ((i), (i, s), ())", "1,NULL,2 1,a,1 1,b,1 NULL,NULL,2"},
		{"no rows are one group without keys", "SELECT count(*), sum(i), min(s) FROM " + numbers + " WHERE false", "0,NULL,NULL"},
		{"no rows are no group with keys", "SELECT i, count(*) FROM " + numbers + " WHERE false GROUP BY i", ""},
		{"-0 and 0 are one group", "SELECT x, count(*) FROM (VALUES (0.0::double precision), (-(0.0::double precision))) q(x) GROUP BY x", "0,2"},
		{"intervals are grouped by length", "SELECT count(*) FROM (VALUES ('1 month'::interval), ('30 days'), ('720 hours')) q(x) GROUP BY x", "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := query(t, o, c.statement); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.statement, got, c.want)
			}
		})
	}
}

func TestAggregateFunctions(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t)}
	const xs = "(VALUES (1, 'a', 1.5), (3, 'b', 2.5), (3, 'a', 4), (NULL, 'c', NULL), (7, NULL, -1)) q(i, s, x)"
	for _, c := range []struct{ name, calls, want string }{
		{"count", "count(*), count(i), count(DISTINCT i), count(*) FILTER (WHERE i > 1)", "5,4,3,3"},
		{"sum", "sum(i), sum(x), sum(DISTINCT i)", "14,7,11"},
		{"sums that leave the range and return", "sum(y) FROM (VALUES (9223372036854775807), (1), (-1)) q(y)", "9223372036854775807"},
		{"sums that do not return", "sum(y) FROM (VALUES (9223372036854775807), (1)) q(y)", plan.CodeOutOfRange},
		{"sums lose nothing", "sum(y) FROM (VALUES (1e100::double precision), (1), (-1e100)) q(y)", "1"},
		{"infinities", "sum(y), min(y), max(y), avg(y) FROM (VALUES ('inf'::double precision), (1)) q(y)", "Infinity,1,Infinity,Infinity"},
		{"NaN is the greatest", "min(y), max(y), sum(y) FROM (VALUES ('NaN'::double precision), (1)) q(y)", "1,NaN,NaN"},
		{"averages", "avg(i), avg(x)", "3.5,1.75"},
		{"variances", "var_pop(i), var_samp(i), stddev_pop(x) > 0, variance(i) FILTER (WHERE i = 7)", "4.75,6.333333333333333,true,NULL"},
		{"extremes of every type", "min(i), max(i), min(s), max(s), max(x)", "1,7,a,c,4"},
		{"intervals", "sum(v), avg(v), max(v) FROM (VALUES ('1 month'::interval), ('2 days'), (NULL)) q(v)", "1 mon 2 days,16 days,1 mon"},
		{"intervals below zero", "sum(v), avg(v) FROM (VALUES (interval '-1 day'), (interval '-3 months'), (NULL)) q(v)", "-3 mons -1 days,-1 mons -15 days -12:00:00"},
		{"logic", "bool_and(i > 0), bool_or(i > 5), every(i > 1)", "true,true,false"},
		{"first and last by a time", "first(i, t), last(i, t) FROM (VALUES (1, '2024-01-02'::timestamp), (2, '2024-01-01'), (3, NULL), (NULL, '2023-01-01')) q(i, t)", "2,1"},
		{"least and greatest by another", "min_by(s, x), max_by(s, x)", "a,a"},
		{"string_agg", "string_agg(s, '-' ORDER BY i DESC), string_agg(DISTINCT s, ',')", "c-b-a-a,\"a,b,c\""},
		{"percentiles", "percentile_cont(0.5) WITHIN GROUP (ORDER BY x), percentile_disc(0.5) WITHIN GROUP (ORDER BY i), percentile_cont(0) WITHIN GROUP (ORDER BY i DESC)", "2,3,7"},
		{"a percentile beyond one is refused", "percentile_cont(1.5) WITHIN GROUP (ORDER BY x)", plan.CodeOutOfRange},
		{"mode", "mode() WITHIN GROUP (ORDER BY i), mode() WITHIN GROUP (ORDER BY s)", "3,a"},
		{"a percentile within one percent", "abs(approx_percentile(y::double precision, 0.9) - 900) < 9.1 FROM generate_series(1, 1000) q(y)", "true"},
		{"histogram", "histogram(x, 0.0, 4.0, 2)", "[1, 1, 1, 1]"},
		{"a histogram without width is refused", "histogram(x, 4.0, 4.0, 2)", plan.CodeInvalidValue},
		{"regression", "regr_slope(y, x), regr_intercept(y, x), corr(y, x), regr_r2(y, x), regr_count(y, x) FROM (VALUES (3.0::double precision, 1.0::double precision), (5, 2), (7, 3), (NULL, 4)) q(y, x)", "2,1,1,1,3"},
		{"covariance", "covar_pop(y, x), covar_samp(y, x), regr_sxx(y, x), regr_syy(y, x), regr_sxy(y, x), regr_avgx(y, x), regr_avgy(y, x) FROM (VALUES (1.0::double precision, 1.0::double precision), (2, 3)) q(y, x)", "0.5,1,2,0.5,1,2,1.5"},
		{"one pair has no slope", "regr_slope(y, x), corr(y, x), covar_samp(y, x) FROM (VALUES (1.0::double precision, 1.0::double precision)) q(y, x)", "NULL,NULL,NULL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			statement := "SELECT " + c.calls
			if !strings.Contains(c.calls, " FROM (") && !strings.Contains(c.calls, "FROM generate") {
				statement += " FROM " + xs
			}
			want := strings.Trim(c.want, `"`)
			if got := query(t, o, statement); got != strings.ReplaceAll(want, `"`, "") {
				t.Errorf("%s\ngot  %s\nwant %s", statement, got, want)
			}
		})
	}
}

// TestPathsOfShuffledSamples follows series whose samples a join has put out of
// order.
func TestPathsOfShuffledSamples(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t)}
	const calls = "x.series, delta(value), increase(value), state_changes(value), integral(value, 'hour'), time_weighted_avg(value)"
	plain := query(t, o, "SELECT "+calls+" FROM samples x GROUP BY series ORDER BY series")
	shuffled := query(t, o, "SELECT "+calls+" FROM samples x JOIN (VALUES (2), (1)) v(n) ON extract(minute FROM x.time)::bigint % 2 = v.n - 1 GROUP BY series ORDER BY series")
	if plain != shuffled || strings.Count(plain, " ") < 4 {
		t.Errorf("shuffled samples give another answer:\n%s", cmp.Diff(plain, shuffled))
	}
	texts := query(t, o, "SELECT series, state_changes(text) FROM samples WHERE series IN ('c/door', 'e/note') GROUP BY series ORDER BY 1")
	if !strings.HasPrefix(texts, "c/door,") || strings.Contains(texts, ",0") {
		t.Errorf("changes of text: %s", texts)
	}
	doors := query(t, o, "SELECT (SELECT state_changes(text) FROM samples WHERE series = 'c/door') = (SELECT state_changes(value) FROM samples WHERE series = 'c/door')")
	if doors != "true" {
		t.Error("the names of states change when the states do")
	}
}

// TestColumnsOfSamples compares the columns with each other.
func TestColumnsOfSamples(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t)}
	for _, c := range []struct{ name, condition string }{
		{"value is NULL where bad", "(value IS NULL) = (quality = 'bad' OR series = 'e/note')"},
		{"raw_value is value where there is one", "value IS NULL OR raw_value = value"},
		{"quality is the class of status", "quality = CASE WHEN status < 1073741824 THEN 'good' WHEN status < 2147483648 THEN 'uncertain' ELSE 'bad' END"},
		{"int_value is of integers", "(int_value IS NOT NULL) = (series = 'b/counter' AND quality <> 'bad')"},
		{"text of enums is the name of the state", "series <> 'd/mode' OR quality = 'bad' OR text = CASE value WHEN 0 THEN 'off' WHEN 1 THEN 'on' ELSE 'fault' END"},
		{"text of booleans without names", "series <> 'c/door' OR quality = 'bad' OR text = CASE value WHEN 0 THEN 'false' ELSE 'true' END"},
		{"local_time is the clock in the series' zone", "local_time = CASE series WHEN 'b/counter' THEN time AT TIME ZONE 'America/Santiago' WHEN 'c/door' THEN time AT TIME ZONE 'Asia/Kolkata' WHEN 'e/note' THEN time AT TIME ZONE 'UTC' ELSE time AT TIME ZONE 'Europe/Berlin' END"},
		{"nothing is edited", "edit IS NULL AND edit_id IS NULL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := query(t, o, fmt.Sprintf("SELECT count(*) > 5000, bool_and(%s) FROM samples", c.condition)); got != "true,true" {
				t.Errorf("%s: %s", c.condition, got)
			}
		})
	}
}

// TestConditionsInTheScan runs conditions that the optimizer takes into the scan
// and compares with the plain filter, which query does.
func TestConditionsInTheScan(t *testing.T) {
	src, table := newPlant(t)
	for _, workers := range []int{1, 3} {
		o := exec.Options{Source: src, Series: table, Env: env(t), Workers: workers}
		for _, condition := range []string{
			"extract(hour FROM local_time) = 2 AND series LIKE '%/temp'",
			"local_time::time >= '22:30' OR local_time::time < '01:15'",
			"extract(dow FROM local_time) IN (0, 6) AND NOT extract(hour FROM local_time) BETWEEN 8 AND 17",
			"local_time >= '2023-10-29 01:30' AND local_time < '2023-10-29 03:30'",
			"date_trunc('week', local_time) = '2023-10-23' AND labels->>'site' = 'a'",
			"local_time::date = '2023-10-29'",
			"time_bucket('6 hours', local_time) = '2023-10-25 06:00'",
			"extract(minute FROM local_time) >= 30 AND time >= '2023-10-25 12:34:56' AND quality <> 'uncertain'",
			"value > 150 OR value < -150",
			"value BETWEEN 0.2 AND 0.4 AND value IS NOT NULL",
			"quality IN ('bad', 'uncertain') AND unit IS NULL",
			"upper(quality) = 'GOOD' AND s.interpolation = 'step'",
			"time = (SELECT max(time) FROM samples WHERE quality = 'good')",
			"time < NULL",
		} {
			got := query(t, o, "SELECT x.series, count(*), sum(value), min(time), max(local_time) FROM samples x JOIN series s USING (series) WHERE "+condition+" GROUP BY 1 ORDER BY 1")
			if got == "" && condition != "time < NULL" {
				t.Errorf("%s: nothing found", condition)
			}
		}
	}
}

// TestFirstAndLastTimes asks for the ends of series, for which only the blocks at
// the ends are read.
func TestFirstAndLastTimes(t *testing.T) {
	src, table := newPlant(t)
	for _, where := range []string{"true", "quality = 'bad'", "quality <> 'bad'", "time < '2023-10-25 03:04:05'", "series = 'a/temp' AND quality = 'good'", "false"} {
		o := exec.Options{Source: src, Series: table, Env: env(t), Workers: 2, Profile: &exec.Profile{}}
		statement := "SELECT series, min(time), max(time) FROM samples WHERE " + where + " GROUP BY series ORDER BY series"
		// Grouping by the zone's offset as well would need all samples.
		all := query(t, o, "SELECT series, min(a), max(b) FROM (SELECT series, extract(second FROM time), min(time) a, max(time) b FROM samples WHERE "+where+" GROUP BY 1, 2) x GROUP BY 1 ORDER BY 1")
		if got := query(t, o, statement); got != all {
			t.Errorf("%s:\n%s", where, cmp.Diff(all, got))
		}
	}
}

// TestNewestSamples asks for the first rows by time, for which the samples are read
// from one end, and compares with a sort of all.
func TestNewestSamples(t *testing.T) {
	src, table := newPlant(t)
	o := exec.Options{Source: src, Series: table, Env: env(t)}
	for _, where := range []string{"true", "value > 200", "series = 'e/note' AND quality = 'bad'", "extract(hour FROM local_time) = 3", "false", "value > 1e9"} {
		for _, order := range []string{"time DESC, series", "time, double DESC", "time DESC", "time"} {
			for _, limit := range []string{"1", "10 OFFSET 7", "5000"} {
				rows := "SELECT time, series, value * 2 AS double FROM samples WHERE " + where
				got := query(t, o, rows+" ORDER BY "+order+" LIMIT "+limit)
				all := query(t, o, "SELECT * FROM (SELECT * FROM ("+rows+") x ORDER BY "+order+") y LIMIT "+limit)
				full := query(t, o, rows+" ORDER BY "+strings.Replace(order, "time", "time + interval '0'", 1)+" LIMIT "+limit)
				if got != all || got != full {
					t.Errorf("%s ORDER BY %s LIMIT %s: %s", where, order, limit, cmp.Diff(full, got))
				}
			}
		}
	}
}
