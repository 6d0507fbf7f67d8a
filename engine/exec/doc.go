// Package exec runs plans: one operator per file, each a [columnar.Stream] over
// the streams of its inputs, and the accumulators of the aggregate functions.
//
// An operator works when its Next is called and never before. Its context is that
// of the call; it is not kept.
//
// # Aggregates
//
// An accumulator holds the state of one aggregate function for all groups. Update
// takes in rows, Merge the state of another accumulator, and those of functions
// that can be answered from summaries take in summary rows too.
//
//	store ─ samples ───▶ scan ▶ filter ▶ project ▶ Update ┐
//	      ─ summaries ─▶ keys of each bin ───────▶ Summary ┴▶ Merge ▶ result
//
// A scan under an aggregate is cut into morsels, runs of series and of time. Each
// has an aggregator of its own; they are merged in the order of the scan.
//
// # Invariants
//
//   - X1: the answer of an aggregate does not depend on the path that it was
//     computed on, nor on the number of workers, to the last bit: sums are exact
//     (kernel.Exact) and morsels are merged in the order in which one worker
//     would have seen them.
//   - X2: of equal candidates (for min_by, first and the like) the one that is
//     earliest in that order wins: series by name, each in order of time.
//   - X3: what an operator holds of its input counts against the query's memory and
//     against what all queries share; past either limit the query ends with SQLSTATE
//     53200. A query waits for memory only while it holds none.
//   - X4: a panic in a worker ends its query and nothing else.
//   - X5: operators are nested as the nodes of the plan are (P5 of package plan).
package exec
