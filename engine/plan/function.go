package plan

import (
	"strings"

	"github.com/trellisdb/trellis/columnar"
)

// Func is one overload of a scalar function or operator. Operators are functions
// whose name is their symbol; the others are spelled out: and, or, not, isnull,
// isnotnull, istrue, isnottrue, isfalse, isnotfalse, isdistinct, isnotdistinct,
// like, ilike, similar. Unary minus is - with one argument. EXTRACT is date_part,
// AT TIME ZONE is timezone(zone, x), POSITION is strpos with swapped arguments,
// and BETWEEN is two comparisons.
type Func struct {
	Name   string
	Args   []Type   // exact types of the arguments (P2)
	Names  []string // names of the arguments, for name => value; empty strings where they have none
	Rest   bool     // the last argument may be repeated
	Result Type

	// Lenient functions see NULL arguments; all others give NULL for any.
	Lenient bool
	// Volatile functions may answer differently in one statement (random()).
	// now() is not volatile: the session fixes it when the statement starts.
	Volatile bool

	Doc string // one sentence, for system.functions

	anyText bool // an argument of type Text takes every type, cast to text
}

// Arg returns the type of argument i, counting repeated ones.
func (f *Func) Arg(i int) Type { return f.Args[min(i, len(f.Args)-1)] }

// String returns the overload's signature, such as abs(bigint). No two overloads
// of one table have the same.
func (f *Func) String() string { return signatureOf(f.Name, f.Args, f.Rest) }

// AggregateFunc is one overload of an aggregate function. Rows whose first
// argument is NULL are left out (those in which any argument is NULL, for the
// functions of two variables: corr, covar_*, regr_*, min_by, max_by, first and last
// with a time), except by count(*).
type AggregateFunc struct {
	Name   string
	Args   []Type
	Names  []string // names of the arguments, for name => value
	Result Type

	// Implicit are names of columns of the samples in scope which lowering appends
	// to the call's arguments, after those in Args and in this order: series (Text)
	// and time (Timestamptz) of the sample, zone (Text), interpolation (Text) and
	// sample_t and phase (Interval) of its series. So an Aggregation has
	// len(Args) + len(Implicit) arguments.
	Implicit []string
	// Path aggregates follow each series through time: their Implicit begins with
	// series, time. They need no order of their input.
	Path bool
	// WithinGroup aggregates are written f(args) WITHIN GROUP (ORDER BY x): x is the
	// last of Args, and the call's Order has one key, x again with its direction.
	WithinGroup bool
	// Stats are the groups of summary fields from which the aggregate merges when
	// its argument is the column value of samples (quality for good_pct and
	// good_duration, time and value for min_by, max_by, value and time for first,
	// last); meaningless unless Merges is set.
	Stats columnar.Stats
	// Merges says that the aggregate can be answered from summaries.
	Merges bool

	Doc string
}

// String returns the overload's signature, such as sum(bigint).
func (f *AggregateFunc) String() string { return signatureOf(f.Name, f.Args, false) }

func signatureOf(name string, args []Type, rest bool) string {
	var b strings.Builder
	b.WriteString(name + "(")
	for i, t := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.String())
	}
	if rest {
		b.WriteString(", ...")
	}
	b.WriteString(")")
	return b.String()
}
