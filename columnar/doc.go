// Package columnar is the ground floor: the grid that time lies on, the block
// that holds samples, the summary that answers for a block, and the two shapes
// in which the towers talk, [Selection] (the question) and [Stream] (the answer).
//
// # Vocabulary
//
// A series is one signal. Its [Grid] cuts time into slots of one sample period;
// a slot holds at most one sample: a value and an OPC UA [Status]. Runs of
// BlockLen slots form blocks. A [Block] is the decoded form of one of them; a
// [Summary] is what is known about the samples of one quality class in a run of
// slots without looking at them.
//
// # Time
//
// Every instant is an int64 count of microseconds since the Unix epoch, UTC. No
// instant is stored: a sample's time is its slot times the sample period. Every
// pair from, to is a half-open range.
//
// # Invariants
//
//   - C1: a slot holds at most one sample; the last write wins.
//   - C2: a sample without a value is bad. So a good or uncertain sample always
//     has a value, and that value is finite, at most [MaxMagnitude] in size.
//   - C3: every sum is exact. A Summary of a run equals the merge of the
//     summaries of any cut of it, to the last bit, in any order of merging that
//     keeps time order (see package kernel, type Exact).
//   - C4: bytes from outside are not trusted: no declared size allocates memory
//     before it has been checked against what it describes.
package columnar
