// Package plan is the language in which the parts of the engine talk: logical
// nodes, expressions, types, the tables of functions and the text forms of values.
//
// SQL and Substrait are lowered to it, the optimizer rewrites it, packages eval and
// exec run it. A node is immutable once built: a rewrite makes new nodes, with
// [Rewrite], [MapExpr] and [Replace], which share what does not change.
//
// # Functions
//
// functions_*.go and aggregates.go declare every overload in a line of text. A call
// refers to its overload by pointer; [ResolveFunc] and [ResolveAggregate] choose it
// by PostgreSQL's rules, [MustFunc] looks it up by its exact types. What a function
// computes is written in package eval, what an aggregate computes in package exec.
//
// Aggregates along time get more than what the statement writes: see
// [AggregateFunc.Implicit].
//
// # Text
//
// [ParseLiteral] reads the text form of every type and [FormatValue] prints it;
// expressions print as SQL ([Expr]), plans as EXPLAIN shows them ([Print]).
//
// # Invariants
//
//   - P1: an expression refers to its node's input by column index (a join's
//     input is the left columns followed by the right ones), and every
//     expression knows its type; lowering leaves nothing unresolved.
//   - P2: functions are called with exactly the argument types of their
//     overload; where the user's types differ there is a Cast.
//   - P3: a boolean expression used as a condition keeps a row only where it is
//     true, not where it is NULL.
//   - P4: pushing something down into a Scan never changes an answer. What the
//     source cannot do exactly stays above it as a Filter.
//   - P5: a node and an expression are made of what was there before them, so that
//     every recursion over them ends (Walk, Rewrite, Equal, Validate, Print and those of
//     the packages above). It stays within the stack and in bounded time because whoever
//     makes a plan bounds its depth and what it repeats: see Q4 of package sql.
package plan
