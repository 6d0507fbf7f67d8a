// Package plan is the language in which the parts of the engine talk: logical
// nodes, expressions, types and the tables of functions.
//
// SQL and Substrait are lowered to it, the optimizer rewrites it, package exec
// runs it. A node is immutable once built: a rewrite makes new nodes.
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
package plan
