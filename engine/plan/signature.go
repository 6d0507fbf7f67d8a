package plan

import (
	"fmt"
	"strings"
)

// signature declares overloads in the tables of functions_*.go and aggregates.go.
//
// Its text is name(arguments) result. An argument is a type, or a name and a
// type; the last one may end in ... to be repeated. The type T stands for every
// type, and O for every type that has an order: a line with one of them declares
// as many overloads.
type signature struct {
	text  string
	flags flags
	doc   string
}

type flags uint8

const (
	lenient flags = 1 << iota
	volatile
	anyText // arguments of type text take every type
)

// typesByName are the types as signatures spell them.
var typesByName = map[string]Type{
	"boolean": Boolean, "bigint": Bigint, "double": Double, "text": Text, "timestamp": Timestamp, "timestamptz": Timestamptz,
	"date": Date, "time": Time, "interval": Interval, "json": JSON,
}

// The types that T and O stand for, preferred ones first.
var (
	everyType   = []Type{Text, Double, Bigint, Boolean, Timestamptz, Timestamp, Date, Time, Interval, JSON}
	orderedType = everyType[:len(everyType)-1]
)

// shape is a parsed signature.
type shape struct {
	name   string
	args   []Type
	names  []string
	rest   bool
	result Type
}

// shapes parses a signature into the overloads that it declares. It panics on a
// mistake in a table.
func (s signature) shapes() []shape {
	variants := []Type{Unknown}
	words := strings.FieldsFunc(s.text, func(r rune) bool { return strings.ContainsRune("(), .", r) })
	for _, w := range words {
		switch w {
		case "T":
			variants = everyType
		case "O":
			variants = orderedType
		}
	}
	all := make([]shape, len(variants))
	for i, v := range variants {
		all[i] = s.shape(v)
	}
	return all
}

func (s signature) shape(variant Type) shape {
	typeOf := func(name string) Type {
		if name == "T" || name == "O" {
			return variant
		}
		t, ok := typesByName[name]
		if !ok {
			panic(fmt.Sprintf("plan: signature %q: no type %q", s.text, name))
		}
		return t
	}
	open, shut := strings.IndexByte(s.text, '('), strings.LastIndexByte(s.text, ')')
	sh := shape{name: s.text[:open], result: typeOf(strings.TrimSpace(s.text[shut+1:]))}
	list := s.text[open+1 : shut]
	list, sh.rest = strings.CutSuffix(list, "...")
	if list == "" {
		return sh
	}
	for arg := range strings.SplitSeq(list, ",") {
		name, typ, named := strings.Cut(strings.TrimSpace(arg), " ")
		if !named {
			name, typ = "", name
		}
		sh.args = append(sh.args, typeOf(typ))
		sh.names = append(sh.names, name)
	}
	return sh
}

// funcs holds the overloads of every function by name, in the order of the tables.
var funcs = declare(
	comparisonFunctions, arithmeticFunctions, mathFunctions, textFunctions, timeFunctions, jsonFunctions, systemFunctions,
)

func declare(tables ...[]signature) map[string][]*Func {
	byName := map[string][]*Func{}
	for _, table := range tables {
		for _, s := range table {
			for _, sh := range s.shapes() {
				byName[sh.name] = append(byName[sh.name], &Func{
					Name: sh.name, Args: sh.args, Names: sh.names, Rest: sh.rest, Result: sh.result,
					Lenient: s.flags&lenient != 0, Volatile: s.flags&volatile != 0, anyText: s.flags&anyText != 0, Doc: s.doc,
				})
			}
		}
	}
	return byName
}

var andFunc = MustFunc("and", Boolean)

// MustFunc returns the overload with exactly these arguments (of those that may be
// repeated, any number). It panics where there is none: for code that knows the
// tables.
func MustFunc(name string, args ...Type) *Func {
	for _, f := range funcs[name] {
		if f.takes(args) {
			return f
		}
	}
	panic("plan: no function " + signatureOf(name, args, false))
}

// takes reports whether the overload's arguments are exactly these.
func (f *Func) takes(args []Type) bool {
	if !f.arity(len(args)) {
		return false
	}
	for i, t := range args {
		if f.Arg(i) != t {
			return false
		}
	}
	return true
}

// arity reports whether the overload can be called with n arguments.
func (f *Func) arity(n int) bool { return n == len(f.Args) || f.Rest && n > len(f.Args) }
