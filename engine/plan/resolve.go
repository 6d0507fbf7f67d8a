package plan

import (
	"slices"
	"sort"
	"strings"
)

// ResolveFunc returns the overload of a function or operator that PostgreSQL's
// rules choose for arguments of these types (PostgreSQL manual, sections 10.2 and
// 10.3); Unknown is the type of a literal or parameter that may become anything.
// The caller casts the arguments to the overload's types. There is an error with
// CodeUndefFunction where none fits, or several do.
func ResolveFunc(name string, args []Type, pos int) (*Func, error) {
	overloads := funcs[name]
	if uniform[name] {
		if t, ok := CommonType(args); ok {
			args = slices.Repeat([]Type{t}, len(args))
		}
	}
	candidates := make([]candidate, 0, len(overloads))
	for i, f := range overloads {
		if f.arity(len(args)) {
			candidates = append(candidates, candidate{index: i, args: f.Args, anyText: f.anyText})
		}
	}
	i, err := resolve(name, args, candidates, pos)
	if err != nil {
		return nil, explainMiss(err, name, overloads)
	}
	return overloads[i], nil
}

// ResolveAggregate is ResolveFunc for aggregate functions; args are those written
// in the statement, followed by that of WITHIN GROUP.
func ResolveAggregate(name string, args []Type, pos int) (*AggregateFunc, error) {
	overloads := aggregates[name]
	var candidates []candidate
	for i, f := range overloads {
		if len(f.Args) == len(args) {
			candidates = append(candidates, candidate{index: i, args: f.Args})
		}
	}
	i, err := resolve(name, args, candidates, pos)
	if err != nil {
		return nil, explainMiss(err, name, overloads)
	}
	return overloads[i], nil
}

// explainMiss adds what there is to an error about a call that fits nothing.
func explainMiss[F interface{ String() string }](err *Error, name string, overloads []F) error {
	if len(overloads) == 0 {
		if near := Nearest(name, functionNames()); near != "" {
			return err.WithHint("Did you mean %s?", near)
		}
		return err.WithHint("SELECT * FROM system.functions lists the functions.")
	}
	if len(overloads) > 6 {
		return err.WithHint("No overload takes these types. Add casts, or see SELECT * FROM system.functions WHERE name = %s.", quoteLiteral(name))
	}
	known := make([]string, len(overloads))
	for i, f := range overloads {
		known[i] = f.String()
	}
	return err.WithHint("There is %s.", strings.Join(known, ", "))
}

// candidate is an overload that has as many arguments as wanted.
type candidate struct {
	index   int
	args    []Type
	anyText bool
}

func (c candidate) arg(i int) Type { return c.args[min(i, len(c.args)-1)] }

// accepts reports whether argument i may be of type t.
func (c candidate) accepts(i int, t Type) bool {
	return CanCastImplicitly(t, c.arg(i)) || c.anyText && c.arg(i) == Text
}

// exact counts the arguments that need no cast.
func (c candidate) exact(args []Type) int {
	n := 0
	for i, t := range args {
		if c.arg(i) == t {
			n++
		}
	}
	return n
}

// preferred counts the arguments that are cast to the preferred type of their
// category.
func (c candidate) preferred(args []Type) int {
	n := 0
	for i, t := range args {
		if c.arg(i) != t && preferredType(c.arg(i)) {
			n++
		}
	}
	return n
}

// resolve chooses among candidates and returns the index of the chosen one.
func resolve(name string, args []Type, all []candidate, pos int) (int, *Error) {
	// An operator or function with one argument of known type first takes the
	// unknown ones to be of the same type.
	if known, ok := onlyKnown(args); ok {
		for _, c := range all {
			if c.exact(known) == len(known) {
				return c.index, nil
			}
		}
	}
	fit := keep(all, func(c candidate) bool {
		for i, t := range args {
			if !c.accepts(i, t) {
				return false
			}
		}
		return true
	})
	fit = keepMost(fit, func(c candidate) int { return c.exact(args) })
	fit = keepMost(fit, func(c candidate) int { return c.preferred(args) })
	if len(fit) > 1 {
		fit = byCategory(fit, args)
	}
	switch len(fit) {
	case 0:
		return 0, missing(name, args, pos)
	case 1:
		return fit[0].index, nil
	}
	return 0, Errorf(pos, CodeAmbiguous, "%s is not unique", describeCall(name, args)).
		WithHint("Add casts to the arguments, to say which types are meant.")
}

// onlyKnown returns the arguments with the unknown ones replaced by the only type
// that is known among them; ok is false where there is no such thing.
func onlyKnown(args []Type) (same []Type, ok bool) {
	known := Unknown
	for _, t := range args {
		switch {
		case t == Unknown || t == known:
		case known != Unknown:
			return nil, false
		default:
			known = t
		}
	}
	if known == Unknown {
		return nil, false
	}
	return slices.Repeat([]Type{known}, len(args)), true
}

// byCategory decides by the unknown arguments: where any candidate takes text
// there, text is meant; else the category that all candidates agree on, and in it
// the preferred type.
func byCategory(fit []candidate, args []Type) []candidate {
	for i, t := range args {
		if t != Unknown {
			continue
		}
		want := category(fit[0].arg(i))
		for _, c := range fit {
			if c.arg(i) == Text {
				want = category(Text)
			}
		}
		fit = keep(fit, func(c candidate) bool { return category(c.arg(i)) == want })
		if best := keep(fit, func(c candidate) bool { return preferredType(c.arg(i)) }); len(best) > 0 {
			fit = best
		}
	}
	return fit
}

func keep(all []candidate, good func(candidate) bool) []candidate {
	var kept []candidate
	for _, c := range all {
		if good(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

func keepMost(all []candidate, score func(candidate) int) []candidate {
	most := 0
	for _, c := range all {
		most = max(most, score(c))
	}
	return keep(all, func(c candidate) bool { return score(c) == most })
}

func missing(name string, args []Type, pos int) *Error {
	kind := "function"
	if infix[name] > 0 {
		kind = "operator"
	}
	return Errorf(pos, CodeUndefFunction, "%s %s does not exist", kind, describeCall(name, args))
}

// describeCall names a call by the types of its arguments: abs(text), text + bigint.
func describeCall(name string, args []Type) string {
	if infix[name] > 0 && len(args) == 2 {
		if s := spelled[name]; s != "" {
			name = s
		}
		return args[0].String() + " " + name + " " + args[1].String()
	}
	return signatureOf(name, args, false)
}

// Overloads returns the overloads of a scalar function or operator; none where there
// is no such function.
func Overloads(name string) []*Func { return slices.Clone(funcs[name]) }

// Functions returns every overload of the scalar functions and operators, in order
// of name.
func Functions() []*Func {
	var all []*Func
	for _, overloads := range funcs {
		all = append(all, overloads...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].String() < all[j].String() })
	return all
}

// Aggregates returns every overload of the aggregate functions, in order of name.
func Aggregates() []*AggregateFunc {
	var all []*AggregateFunc
	for _, overloads := range aggregates {
		all = append(all, overloads...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].String() < all[j].String() })
	return all
}

// functionNames returns the names of all functions, in order.
func functionNames() []string {
	var names []string
	for name := range funcs {
		names = append(names, name)
	}
	for name := range aggregates {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Nearest returns the name that differs from the given one by least, when that is
// little enough for it to be meant; empty for none, and for a name that is longer than
// any. Of several the first.
func Nearest(name string, names []string) string {
	const longest = 100
	if len(name) > longest {
		return ""
	}
	best, limit := "", (len(name)+1)/3
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d <= limit {
			best, limit = n, d-1
		}
	}
	return best
}

// distance is the number of inserted, deleted, replaced and swapped bytes that
// lead from a to b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
