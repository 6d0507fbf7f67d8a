// Package s3 is a bucket in an object store that speaks the S3 protocol, at AWS or
// anywhere else.
//
// # Vocabulary
//
// The endpoint is the server. An S3 bucket is the endpoint's; a [Bucket] is the keys
// below one prefix of it. A request is one HTTP request. An attempt is one try of a
// request; what may pass is tried again, with growing pauses, within a deadline. A
// hedge is a second request for a range whose first is late; the first answer counts.
// A nonce is a name that a put gives to what it uploads, as metadata of the object, so
// that it knows its own work again.
//
// # Invariants
//
//   - Q1: every request has a deadline, and so has the whole of its attempts.
//   - Q2: bytes are handed out only if the endpoint declared exactly the range that was
//     asked for, of the object that was opened (its ETag), and sent that many bytes. A
//     read of a whole object is compared with the CRC32C of its metadata, too, where
//     there is one.
//   - Q3: a put that is told that the key is taken looks whether it was itself who
//     took it, in an attempt whose answer was lost. Only then is it [object.ErrExists].
//   - Q4: a put that ended without an error has seen the object at the endpoint, with
//     the size that was written.
//   - Q5: an upload in parts holds at most PartSize x (Concurrency + 2) bytes, and is
//     aborted unless it is completed, also when its context is cancelled.
//   - Q6: every request is counted in [Stats], and those that repeat or double another
//     once more. (net/http repeats by itself, unseen, a GET or HEAD that it has sent on a
//     kept connection which the endpoint was just closing.)
//
// # Requests
//
//	Put      PutObject, HeadObject                     up to PartSize bytes
//	         CreateMultipartUpload, UploadPart x n,
//	         CompleteMultipartUpload, HeadObject       more
//	Open     HeadObject; none where the object is known (OpenKnown)
//	ReadAt   GetObject, with Range and If-Match
//	Stat     HeadObject
//	List     ListObjectsV2 for each 1,000 keys
//	Delete   DeleteObject
//
// An object that was put in one request has its CRC32C in its metadata. One that came
// in parts has none, since metadata goes ahead of the bytes; each of its parts is signed
// with its SHA-256, which the endpoint compares.
package s3
