// Package backup copies whole databases: to a bucket of backups and back from it, and
// from one place to another.
//
// # Vocabulary
//
// A place is a bucket and a catalog. A backup is one snapshot of a database, with all
// kept ones before it and all history, in a bucket that may hold many backups of many
// databases. Its manifest is what the catalog held as of that snapshot.
//
// # Invariants
//
//   - B1: a manifest is put when all that it lists is there, and what a manifest lists
//     is never changed: an object of a backup is named by its content, so backups
//     share what they have in common, and one that was cut short is gone on with. What
//     lies there under such a name is compared before it is counted on.
//   - B2: every byte is compared with the catalog's CRC32C on its way. An object that
//     differs gets no name.
//   - B3: a place is filled by one transaction of its catalog, after its bucket has
//     everything. Until then it is an empty place with objects that nothing refers to.
//   - B4: nothing is deleted, and nothing is put over anything else, but for an object of
//     a backup that is not what its name says: that is put anew from a source that is sound.
//
// # Layout of a bucket of backups
//
//	ID/segments/EPOCH-NUMBER.seg-CRC[-DIGEST]  a segment; 8 and 16 hex digits
//	ID/manifests/TIME-SNAPSHOT-CRC.json.zst    a manifest; CRC32C of its bytes
//
// ID is the database's, TIME that of the backup in UTC (20261125T133000.000000Z). A
// manifest is JSON of [Manifest] under zstd. Segments of which the catalog knows no digest
// are without it in their names, as all were in format 1.
package backup
