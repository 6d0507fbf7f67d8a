package trellis_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trellisdb/trellis/engine/plan"
)

// nested puts a statement's part into another n times: %s in level stands for it.
func nested(n int, level, part string) string {
	before, after, _ := strings.Cut(level, "%s")
	return strings.Repeat(before, n) + part + strings.Repeat(after, n)
}

// doubled is a WITH of n queries each of which reads the one before it twice.
func doubled(n int, query string) string {
	var b strings.Builder
	b.WriteString("WITH c0 AS (SELECT 1 AS x)")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, ", c%d AS (%s)", i, strings.ReplaceAll(query, "%", fmt.Sprintf("c%d", i-1)))
	}
	fmt.Fprintf(&b, " SELECT count(*) FROM c%d", n)
	return b.String()
}

// numbers are n numbers with something between them.
func numbers(n int, between string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	return strings.Join(list, between)
}

// joins are n joins of queries of one row.
func joins(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " CROSS JOIN (SELECT 1) s%d", i)
	}
	return b.String()
}

// cubes are the sets of n cubes of a key each, crossed.
func cubes(n int) string { return strings.TrimSuffix(strings.Repeat("CUBE (value), ", n), ", ") }

// deepStatements nest, repeat or multiply something without measure. Each is answered,
// or refused with the code; * is for any.
var deepStatements = []struct{ name, text, code string }{
	{"a HAVING without aggregates", "SELECT 1 FROM samples HAVING true", ""},
	{"a HAVING without FROM", "SELECT 42 HAVING 42 > 18", ""},
	{"GROUP BY ()", "SELECT 1 FROM samples GROUP BY ()", ""},
	{"an empty grouping set", "SELECT 1 FROM samples GROUP BY GROUPING SETS (())", ""},
	{"two empty grouping sets", "SELECT count(*) FROM (SELECT 1 FROM series GROUP BY GROUPING SETS ((), ())) s", ""},
	{"an empty grouping set in a subquery nobody reads", "SELECT 1 WHERE EXISTS (SELECT 1 FROM samples GROUP BY ())", ""},
	{"10,000 parentheses", "SELECT " + nested(10_000, "(%s)", "1"), "54001"},
	{"190 parentheses", "SELECT " + nested(190, "(%s)", "1"), ""},
	{"100,000 conditions with AND", "SELECT 1 FROM series WHERE " + strings.TrimSuffix(strings.Repeat("true AND ", 100_000), " AND "), "*"},
	{"30,000 conditions with OR", "SELECT 1 FROM series WHERE " + strings.TrimSuffix(strings.Repeat("low = 1 OR ", 30_000), " OR "), "*"},
	{"50,000 UNION ALLs", strings.TrimSuffix(strings.Repeat("SELECT 1 UNION ALL ", 50_000), " UNION ALL "), "54001"},
	{"900 UNIONs", strings.TrimSuffix(strings.Repeat("SELECT 1 UNION ", 900), " UNION "), ""},
	{"a chain of 100,000 operators", "SELECT " + numbers(100_000, "+"), "54001"},
	{"a chain of 900 operators", "SELECT " + numbers(900, "+"), ""},
	{"900 NOTs", "SELECT " + strings.Repeat("NOT ", 900) + "true", ""},
	{"100,000 NOTs", "SELECT " + strings.Repeat("NOT ", 100_000) + "true", "54001"},
	{"100,000 signs", "SELECT " + strings.Repeat("- ", 100_000) + "1", "54001"},
	{"100,000 casts", "SELECT 1" + strings.Repeat("::int", 100_000), "54001"},
	{"100,000 subscripts", "SELECT a" + strings.Repeat("[1]", 100_000), "*"},
	{"100,000 names with points", "SELECT a" + strings.Repeat(".a", 100_000), "*"},
	{"100,000 points after a parenthesis", "SELECT (a)" + strings.Repeat(".a", 100_000), "*"},
	{"150 queries in FROM", "SELECT 1 FROM " + nested(150, "(SELECT 1 AS a FROM %s) s", "series"), ""},
	{"10,000 queries in FROM", "SELECT 1 FROM " + nested(10_000, "(SELECT 1 FROM %s) s", "series"), "54001"},
	{"150 scalar subqueries", "SELECT " + nested(150, "(SELECT %s)", "1"), ""},
	{"60 EXISTS in each other", "SELECT 1 WHERE " + nested(60, "EXISTS (SELECT 1 FROM series WHERE %s)", "true"), "*"},
	{"60 INs in each other", "SELECT 1 FROM series WHERE " + nested(60, "series IN (SELECT series FROM series WHERE %s)", "true"), "*"},
	{"150 CASEs in each other", "SELECT " + nested(150, "CASE WHEN true THEN %s ELSE 1 END", "1"), ""},
	{"10,000 CASEs in each other", "SELECT " + nested(10_000, "CASE WHEN true THEN %s END", "1"), "54001"},
	{"60 CASEs as subjects of each other", "SELECT " + nested(60, "CASE %s WHEN 1 THEN 2 WHEN 2 THEN 1 WHEN 3 THEN 4 END", "low") + " FROM series", "54001"},
	{"60 BETWEENs as subjects of each other", "SELECT " + nested(60, "((%s BETWEEN 0 AND 1)::int)", "low") + " FROM series", "54001"},
	{"60 symmetric BETWEENs", "SELECT " + nested(60, "((%s BETWEEN SYMMETRIC 0 AND 1)::int)", "low") + " FROM series", "54001"},
	{"60 queries in FROM that double a column", "SELECT a FROM " + nested(60, "(SELECT a + a AS a FROM %s) s", "(SELECT low AS a FROM series) s"), ""},
	{"60 filters over doubled columns", "SELECT 1 FROM " + nested(60, "(SELECT a + a AS a FROM %s WHERE a > 1) s", "(SELECT low AS a FROM series) s"), ""},
	{"60 aggregates over doubled columns", "SELECT sum(a) FROM " + nested(60, "(SELECT a + a AS a FROM %s) s", "(SELECT low AS a FROM series) s"), ""},
	{"60 groups over doubled columns", "SELECT a FROM " + nested(60, "(SELECT a + a AS a FROM %s GROUP BY a) s", "(SELECT low AS a FROM series) s") + " WHERE a > 1", ""},
	{"CTEs that double each time by joins", doubled(40, "SELECT a.x FROM % a, % b"), "54001"},
	{"CTEs that double each time by UNION ALL", doubled(40, "SELECT x FROM % UNION ALL SELECT x FROM %"), "54001"},
	{"CTEs that double each time by subqueries", doubled(40, "SELECT (SELECT max(x) FROM %) + (SELECT min(x) FROM %) AS x"), "54001"},
	{"CTEs that double a column", doubled(60, "SELECT x + x AS x FROM %"), "*"},
	{"240 pairs of casts", "SELECT low" + strings.Repeat("::int::real", 240) + " FROM series", ""},
	{"900 joins", "SELECT count(*) FROM series a0" + joins(900), "*"},
	{"990 tables in FROM", "SELECT count(*) FROM " + "series a" + strings.Join(strings.Fields(numbers(990, ", series a")), " "), "54000"},
	{"an IN of 100,000 numbers", "SELECT count(*) FROM series WHERE low IN (" + numbers(100_000, ",") + ")", ""},
	{"an IN of 100,000 texts", "SELECT count(*) FROM series WHERE series IN ('" + numbers(100_000, "','") + "')", ""},
	{"a NOT IN of 30,000 expressions", "SELECT count(*) FROM series WHERE low NOT IN (" + numbers(30_000, "+high,") + ")", "*"},
	{"a row of 10,000 items", "SELECT (" + numbers(10_000, ",") + ") = (" + numbers(10_000, ",") + ")", "*"},
	{"100,000 arguments", "SELECT greatest(" + numbers(100_000, ",") + ")", "*"},
	{"a select list of 100,000 items", "SELECT " + numbers(100_000, ","), "54000"},
	{"100,000 keys of ORDER BY", "SELECT 1 FROM series ORDER BY " + numbers(100_000, "+low,") + "+low", "54000"},
	{"10,000 keys of GROUP BY", "SELECT 1 FROM series GROUP BY " + numbers(10_000, "+low,") + "+low", "54000"},
	{"a CUBE of 13 keys", "SELECT 1 FROM series GROUP BY CUBE (" + numbers(13, "+low,") + "+low)", "54000"},
	{"40 CUBEs", "SELECT 1 FROM samples GROUP BY " + cubes(40), "54000"},
	{"12 CUBEs", "SELECT count(*) FROM samples GROUP BY " + cubes(12), ""},
	{"190 grouping sets in each other", "SELECT 1 FROM samples GROUP BY " + nested(190, "GROUPING SETS (%s)", "value"), "*"},
	{"100,000 rows of VALUES", "SELECT count(*) FROM (VALUES (" + numbers(100_000, "),(") + ")) v", ""},
	{"JSON of 100,000 arrays in each other", "SELECT '" + nested(100_000, "[%s]", "1") + "'::json", "22P02"},
	{"JSON of 100,000 objects in each other", "SELECT '" + nested(100_000, `{"a":%s}`, "1") + "'::json", "22P02"},
	{"JSONB of 9,000 arrays in each other", "SELECT length('" + nested(9_000, "[%s]", "1") + "'::jsonb::text)", "*"},
	{"a path of 100,000 keys", `SELECT '{"a":1}'::json #> '{` + strings.TrimSuffix(strings.Repeat("a,", 100_000), ",") + "}'", "54000"},
	{"a regular expression of 100,000 groups", "SELECT series ~ '" + nested(100_000, "(%s)", "a") + "' FROM series", "*"},
	{"a constant regular expression of 100,000 groups", "SELECT 'a' ~ '" + nested(100_000, "(%s)", "a") + "'", "*"},
	{"a regular expression that repeats repeats", "SELECT 'a' ~ '" + nested(6, "(%s){1000}", "a") + "'", "*"},
	{"a LIKE of 100,000 percent signs", "SELECT repeat('a', 100000) LIKE '" + strings.Repeat("%a", 100_000) + "b'", "*"},
	{"200 EXPLAINs", strings.Repeat("EXPLAIN ", 200) + "SELECT 1", "*"},
	{"a text of 2^40 characters", "SELECT length(repeat('x', 1099511627776))", "*"},
	{"a text of 2^31 characters padded", "SELECT length(lpad('x', 2147483647))", "*"},
	{"texts that double", "SELECT length(a) FROM " + nested(60, "(SELECT a || a AS a FROM %s) s", "(SELECT 'x' AS a) s"), "53200"},
	{"replacing by what is long", "SELECT length(replace(repeat('x', 1000000), 'x', repeat('y', 1000000)))", "*"},
	{"a regular expression that replaces by what is long", `SELECT length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000000), 'g'))`, "*"},
	{"a histogram of 10^15 bins", "SELECT histogram(1.0, 0, 1, 1000000000000000)", "*"},
	{"a billion numbers in an aggregate of texts", "SELECT length(string_agg('x', '')) FROM generate_series(1, 100000000)", "*"},
	{"10^18 numbers", "SELECT count(*) FROM generate_series(1, 1000000000000000000)", "57014"},
	{"10^18 numbers sorted", "SELECT 1 FROM generate_series(1, 1000000000000000000) g ORDER BY g DESC", "*"},
	{"10^12 pairs", "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b", "57014"},
	{"10^18 keys", "SELECT g, count(*) FROM generate_series(1, 1000000000000000000) g GROUP BY g", "*"},
	{"1,664 long texts", "SELECT " + strings.TrimSuffix(strings.Repeat("repeat('x', 16000000), ", 1664), ", "), "*"},
	{"10,000 long texts one after the other", "SELECT greatest(" + strings.TrimSuffix(strings.Repeat("length(repeat('x', 16000000)), ", 10_000), ", ") + ")", "57014"},
	{"a long constant kept for every group", "SELECT max(repeat('x', 16000000)) FROM generate_series(1, 70000) AS g GROUP BY g", "53200"},
	{"a long constant as a key of every group", "SELECT count(*) FROM generate_series(1, 70000) AS g GROUP BY g, repeat('x', 16000000)", "53200"},
	{"rows sorted by a long constant", "SELECT 1 FROM generate_series(1, 70000) AS g ORDER BY repeat('x', 16000000), g", "53200"},
	{"a long text joined with every row", "SELECT count(*) FROM generate_series(1, 70000) AS g, (SELECT repeat('x', 16000000) AS t) s WHERE length(t) > g", "57014"},
	{"rows of VALUES with long texts", "VALUES " + strings.TrimSuffix(strings.Repeat("(repeat('x', 16000000)), ", 1000), ", "), "53200"},
	{"a format of 16 MB", "SELECT to_char(g, repeat('x', 16000000)) FROM generate_series(1, 70000) AS g", "54000"},
	{"JSON of 8 million items", "SELECT ('[' || repeat('1,', 8000000) || '1]')::jsonb", "54000"},
	{"JSON with 10,000 powers of ten", "SELECT length(('[' || repeat('1e999999,', 10000) || '1]')::jsonb::text)", ""},
	{"16 million matches that are replaced", "SELECT regexp_replace(repeat('x', 16000000), 'x', 'y', 'g')", "54000"},
	{"a zone of a million letters", "SELECT timezone(repeat('x', 1000000), timestamp '1970-01-01')", "22023"},
	{"a name of a million letters", "SELECT \"" + strings.Repeat("x", 1_000_000) + "\" FROM series", "42703"},
	{"rows in rows", "SELECT " + nested(60, "((%s, 1) IN ((true, 1), (false, 2)))", "low > 1") + " FROM series", "54001"},
	{"100,000 comments", "SELECT 1 " + strings.Repeat("/**/", 100_000), "54001"},
	{"100,000 comments apart", "SELECT 1 " + strings.Repeat("/* */ ", 100_000), ""},
	{"a comment in comments", "SELECT 1 " + strings.Repeat("/*", 100_000), "54001"},
	{"a statement of a megabyte of blanks", "SELECT 1" + strings.Repeat(" ", 1<<20-100), ""},
}

// deepAllowance is what the resident memory may be above the limit: the parse tree of a
// statement of a megabyte, a hundred times as large, is not counted.
const deepAllowance = 128 << 20

// slowStatements are those that take a second, which are sent where there is time: where
// TRELLIS_STATEMENTS is set.
var slowStatements = map[string]bool{
	"100,000 conditions with AND": true, "30,000 conditions with OR": true, "a NOT IN of 30,000 expressions": true, "100,000 keys of ORDER BY": true,
	"100,000 rows of VALUES": true, "a billion numbers in an aggregate of texts": true,
	"10^12 pairs": true, "10,000 long texts one after the other": true, "an IN of 100,000 texts": true, "100,000 arguments": true,
}

// TestDeepStatements runs statements without measure on a server of 256 MiB. Each is
// answered or refused soon, and the server lives.
func TestDeepStatements(t *testing.T) {
	p := startServer(t, program(t), t.TempDir(), "--memory-limit", "256MiB", "--log-level", "error")
	a := newAsker(t, p, statementTimeout)
	for _, tt := range deepStatements {
		if slowStatements[tt.name] && os.Getenv("TRELLIS_STATEMENTS") == "" {
			continue
		}
		began := time.Now()
		code, err := a.ask(tt.text)
		took := time.Since(began)
		switch {
		case code == lostCode && !a.lives():
			t.Fatalf("%s: the server is gone: %v", tt.name, err)
		case code == "XX000" || code == lostCode || strings.HasPrefix(code, "code "):
			t.Errorf("%s: %.300v", tt.name, err)
		case tt.code != "*" && code != tt.code && code != plan.CodeQueryCanceled: // on a busy machine
			t.Errorf("%s: code %q, want %q: %.300v", tt.name, code, tt.code, err)
		case took > statementTimeout+statementSlack:
			t.Errorf("%s: took %v", tt.name, took)
		}
	}
	if most := p.status(t, "VmHWM"); most > memoryLimit+deepAllowance {
		t.Errorf("the server took %d MiB, its limit is %d", most>>20, memoryLimit>>20)
	}
	t.Log(p.memory(t))
}
