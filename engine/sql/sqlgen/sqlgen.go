// Package sqlgen makes random SQL statements by a grammar: those that a server must
// answer or refuse, whatever they are.
//
// Every node of a plan and every function of the tables in package plan comes up, with
// arguments of the right types and of wrong ones, with lists that are empty, sizes that
// are absurd, and now and then a token too many or too few. Most statements are valid,
// so that they get as far as the operators.
//
// # Invariants
//
//   - G1: a statement is determined by its seed; so whatever a run has found can be made
//     again from the number that it printed.
//   - G2: what a statement writes stays in the tables samples and series; it changes no
//     setting of the server that outlives the session, but for what CALL keeps.
package sqlgen

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// Statement returns the statement of a seed.
func Statement(seed uint64) string {
	g := &generator{rand: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15))}
	g.left = some(g, 4, 8, 12, 20, 60)
	g.wild = g.one(4)
	text := g.statement()
	if g.odd(10) {
		text = g.damage(text)
	}
	return text
}

// column is a column that expressions may refer to.
type column struct {
	name string
	t    plan.Type
}

// generator makes one statement.
type generator struct {
	rand  *rand.Rand
	left  int  // how many more parts it may have, about
	wild  bool // it may be wrong in every way
	names int  // that were given so far

	ctes   []table
	cols   []column // in scope
	aggs   bool     // aggregates may stand here
	params bool     // the statement has parameters
}

// table is what may be read in FROM.
type table struct {
	name string
	cols []column
}

// one is true once in n times.
func (g *generator) one(n int) bool { return g.rand.IntN(n) == 0 }

// odd is true once in n times, of statements that may be wrong.
func (g *generator) odd(n int) bool { return g.wild && g.one(n) }

// oddly returns a text once in n times, of statements that may be wrong, else none.
func (g *generator) oddly(n int, text func() string) string {
	if !g.odd(n) {
		return ""
	}
	return text()
}

// some returns one of several.
func some[T any](g *generator, list ...T) T { return list[g.rand.IntN(len(list))] }

// spend reports whether there may be another part, and counts it.
func (g *generator) spend() bool {
	g.left--
	return g.left > 0
}

func (g *generator) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d", prefix, g.names)
}

// list joins n parts with commas.
func list(n int, part func() string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = part()
	}
	return strings.Join(parts, ", ")
}

// maybe returns a text once in n times, else none.
func (g *generator) maybe(n int, text func() string) string {
	if !g.one(n) {
		return ""
	}
	return text()
}

func (g *generator) statement() string {
	g.params = g.one(12)
	switch g.rand.IntN(30) {
	case 0:
		return g.insertSamples()
	case 1:
		return g.insertSeries()
	case 2:
		return g.update()
	case 3:
		return g.delete()
	case 4:
		return g.call()
	case 5:
		return g.setting()
	case 6, 7:
		if g.one(2) {
			return "EXPLAIN ANALYZE " + g.query()
		}
		return "EXPLAIN " + g.oddly(4, func() string { return "ANALYZE " }) + some(g, g.query, g.query, g.update, g.delete, g.insertSamples)()
	case 8:
		if !g.wild {
			break
		}
		return some(g, "BEGIN", "COMMIT", "CREATE TABLE t (a int)", "DROP TABLE samples", "TRUNCATE samples", "COPY samples TO STDOUT",
			"VACUUM", "LISTEN x", "DO 'x'", "PREPARE x AS SELECT 1", "TABLE samples", "TABLE system.memory", "", ";", "SELECT 1; SELECT 2",
			"MERGE INTO samples USING series ON true WHEN MATCHED THEN DO NOTHING", "SELECT 1 INTO t", "LOCK samples", "EXPLAIN EXPLAIN SELECT 1")
	}
	return g.query()
}

// damage takes a word out of a text, doubles it, or puts another in its place.
func (g *generator) damage(text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return text
	}
	at := g.rand.IntN(len(words))
	switch g.rand.IntN(4) {
	case 0:
		words = append(words[:at], words[at+1:]...)
	case 1:
		words[at] += " " + words[at]
	case 2:
		words[at] = words[g.rand.IntN(len(words))]
	default:
		words[at] = some(g, "(", ")", ",", "''", "NULL", "*", "::", "$1", "--", "/*", "SELECT", "()", ".", "\u00e4", "\x00", "'", `"`, "$$", "[", "1e", "0x", "AS", "OVER ()")
	}
	return strings.Join(words, " ")
}
