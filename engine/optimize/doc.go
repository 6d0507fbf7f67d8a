// Package optimize rewrites plans into ones that read less and answer the same.
//
// The rules stand in one list, [rules], and are applied in its order; each is a
// file. What a rule says about samples is exact (P4 of package plan): a condition
// that moves into a scan needs no filter above it, with the one exception of the
// bounds on value, which only rule out blocks.
//
// A rule adds no more than a node to each that it meets, and makes no expression much
// larger ([affordable]); so what has come in bounded stays so (P5).
//
//	fold ▶ subqueries ▶ joins with series ▶ filters down ▶ into scans ▶
//	projections merged ▶ columns pruned ▶ empty projections dropped ▶ summaries
package optimize
