// Package cache keeps pages of remote objects on a local disk: [Bucket] wraps any
// bucket, and what is read through it a second time does not come from there again.
//
// # Vocabulary
//
// A page is [PageSize] bytes of an object, from a multiple of that on; the last one of
// an object is shorter. A run is neighbouring pages that are missing, which are fetched
// with one ranged read. A page belongs to one version of an object
// ([object.Versioned]): what is put in the place of an object never shares its pages. An
// object that is opened as known ([object.KnownOpener]) has one version for ever.
//
// # Invariants
//
//   - H1: a page that is handed out has the bytes that the wrapped bucket gave. What its
//     checksum does not confirm, or what is not the page that its name says, is taken
//     away, counted and fetched again.
//   - H2: the disk never fails a read. A page that cannot be read from it is fetched, one
//     that cannot be written to it is handed out all the same, and for a while nothing
//     more is written and only what was asked for is fetched.
//   - H3: the pages take at most [Options.Size] bytes; those go first that were not used
//     for longest. Pages being written can add to that for a moment.
//   - H4: readers who miss the same page at the same time fetch it once. A reader whose
//     fetch ends without success, because it was closed perhaps, takes nobody along: the
//     others fetch it themselves.
//   - H5: a read of n bytes fetches at most n bytes and the rest of two pages: a tail of
//     64 KiB costs 64 KiB to 512 KiB, and mostly less than 256 KiB, since the last page
//     ends where the object does.
//
// # Files
//
//	DIR/K/V-P.page    K: 32 hex digits of the SHA-256 of the object's key
//	                  V: 32 hex digits of the SHA-256 of its version and size
//	                  P: number of the page, decimal
//
//	offset  bytes
//	0       8      "TRELPAGE"
//	8       16     the first 16 bytes of the SHA-256 of the key
//	24      16     the first 16 bytes of the SHA-256 of version and size
//	40      8      number of the page, little endian
//	48      4      length of the page, little endian
//	52      4      CRC32C of all other bytes, little endian
//	56      n      the page
//
// A page is written under another name and renamed, and nothing is synced: what a power
// cut leaves is found out by its checksum. When a cache is opened it lists the directory
// and takes over what is there, oldest first; nothing is read before it is asked for.
// A directory belongs to one process at a time.
//
// # Size of a page
//
// A request to an object store costs its latency, some 20 ms, in which a connection
// moves 1 to 2 MiB; so a quarter of a MiB adds little to a request, and a small read in
// a cold object does not fetch many times what it needs. A cache of 100 GiB has 400,000
// files and about 100 MiB of memory.
package cache
