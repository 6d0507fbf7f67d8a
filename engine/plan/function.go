package plan

import "github.com/trellisdb/trellis/columnar"

// Func is one overload of a scalar function or operator. Operators are functions
// whose name is their symbol; AND, OR, NOT, IS NULL and the like are functions
// named and, or, not, isnull, ...
type Func struct {
	Name   string
	Args   []Type // exact types of the arguments (P2)
	Rest   bool   // the last argument may be repeated
	Result Type

	// Lenient functions see NULL arguments; all others give NULL for any.
	Lenient bool
	// Volatile functions may answer differently in one statement (random()).
	// now() is not volatile: the session fixes it when the statement starts.
	Volatile bool

	Doc string // one sentence, for system.functions
}

// AggregateFunc is one overload of an aggregate function.
type AggregateFunc struct {
	Name   string
	Args   []Type
	Result Type

	// Path aggregates follow each series through time, so they need to know which
	// series a value belongs to and when it was: lowering appends the columns
	// series (Text) and time (Timestamptz) of the samples in scope to the call's
	// arguments, after those in Args.
	Path bool
	// Stats are the groups of summary fields from which the aggregate merges when
	// its first argument is samples.value; meaningless unless Merges is set.
	Stats columnar.Stats
	// Merges says that the aggregate can be answered from summaries.
	Merges bool

	Doc string
}
