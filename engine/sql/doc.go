// Package sql lowers SQL text to plans: PostgreSQL's own grammar (libpg_query)
// parses it, this package gives it its meaning.
//
// What a PostgreSQL user writes either means what it means there, or is refused
// with a SQLSTATE and a position: no field of the parse tree is passed over.
//
// # The way of a statement
//
//	text ── Parse ──▶ Statement ── Lower ──▶ plan.Node
//	        limits                 names, types, parameters, literals
//
// Parse bounds the size and the nesting of the text before the parser, which is
// written in C, sees it. Lower resolves names against the tables of package plan,
// chooses overloads, adds casts, infers the types of parameters, reads literals
// and takes grouping apart into an AggregateNode and a Project.
//
// # Implicit columns
//
// time_bucket without a zone and the aggregates along time need attributes of the
// series that a sample belongs to, also through subqueries that pass samples on.
// Which ones is known only when the expressions are lowered, after the scan. So
// lowering notes what was wanted of which table and starts again, with scans and
// subqueries that carry it ([lowerer.implicit]). In the same way the type of a
// parameter is learned from what comes after the place where it is first met.
//
// # Invariants
//
//   - Q1: positions are 1-based counts of characters, not bytes.
//   - Q2: lowering neither blocks nor reads any clock: the instant now and the
//     session's zone come in by [Scope].
//   - Q3: no text makes Parse or Lower panic.
//   - Q4: no text overflows a stack, the parser's in C or ours, or grows without measure:
//     Parse bounds the nesting (tooDeep), and every recursion over the parse tree goes
//     down with that. A WITH is lowered where it is used, in the scope in which it
//     stands, so it never comes back to itself, and maxTables bounds how often; what
//     stands in the plan more often than in the text is bounded by maxCopies.
package sql
