// Package zone says what the clock on the wall says: time zones from one pinned
// release of the IANA database, local times, and the partition of time into
// local bins.
//
// # Words
//
// An instant is a count of microseconds since 1970-01-01T00:00:00Z. A local time
// is what a clock in the zone shows, as a count of microseconds since the clock
// showed 1970-01-01T00:00:00; it is no instant, and only a [Zone] leads from the
// one to the other. A zone's offset is local time minus instant (positive east of
// Greenwich). A shift is a transition at which the offset changes; forward, it
// skips local times, backward, it repeats them. A label is a local time at which
// a bin begins by name, whether or not a clock ever showed it.
//
// # Invariants
//
//   - Z1: the first passage of a local time L is the first instant whose local
//     time is L or later. A skipped L is passed at the shift that skips it, a
//     repeated L at its first occurrence. First passage never decreases as L grows.
//   - Z2: calendar bin k is [passage(L_k), passage(L_k+1)). A day lasts 23, 25 or
//     24.5 h where the clock makes it so; a day that is skipped yields no bin; local
//     times that are shown again after the next label has passed stay in the later bin.
//   - Z3: a clock bin is a pair (local time rounded down, offset): the repeated hour is
//     two bins, and no bin contains a shift.
//   - Z4: bins partition time: every instant is in exactly one bin, a bin's To is the
//     next bin's From, and no bin is empty.
//   - Z5: nothing but the database compiled in is read: not the machine's, not the
//     standard library's. Every release of this package answers alike everywhere.
//
// # Data
//
// tzdata.txt is written by internal/gen from compiled TZif files (RFC 9636) and holds,
// line by line:
//
//	tzdata 2026f                      the release
//	zone Europe/Berlin                a zone; what follows belongs to it
//	type a +00:53:28 std LMT          offset, standard or daylight, abbreviation
//	type b +02:00:00 dst CEST
//	1893-03-31T23:06:32 d             from this instant (UTC) on, type d
//	rule CET-1CEST,M3.5.0,M10.5.0/3   after the last instant, this POSIX rule (RFC 9636 3.3.1)
//	link Europe/Oslo Europe/Berlin    another name for a zone; all links come last
//
// Type a is in force before the first instant. The last instant of a zone may change
// nothing, and only say from when on the rule holds. A zone is parsed when it is first asked
// for. What a rule prescribes after 2100 is computed when needed, for any year.
//
// # Range
//
// Any int64 is accepted as an instant or a local time. Those within four days of the
// ends of int64 (some 292,000 years away) stand for "the beginning" and "the end" of
// time: results are clamped there and never overflow.
package zone

//go:generate go run ./internal/gen -from tzdata.whl -to tzdata.txt
