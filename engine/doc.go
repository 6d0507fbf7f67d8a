// Package engine is the door to the query engine: it prepares and runs statements,
// keeps sessions and their settings, takes samples in, and answers for the system
// tables.
//
// A statement goes through the packages below it: sql lowers its text to a plan,
// optimize rewrites the plan, exec runs it over a store and a catalog.
//
// # Invariants
//
//   - N1: a Statement is only a text and what was learned by looking at it. It holds
//     no resource and may be prepared again from its text on any server.
//   - N2: a statement reads one snapshot, one state of the catalog, and one instant
//     as now().
//   - N3: a panic below ends the statement with an internal error; the engine lives
//     on.
//   - N4: what a user did wrong is a *plan.Error, always.
//   - N5: a statement that edits samples reads the state before the edit
//     (columnar.Editor.Base), nothing that is written meanwhile, and holds no more
//     than a batch of it. What it makes of that is one edit, or nothing.
//   - N6: whatever lets samples or snapshots go earlier is for administrators, by
//     whichever statement or stream, and stands on the trail of edits.
package engine
