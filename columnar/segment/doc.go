// Package segment reads and writes segment files: immutable runs of blocks of
// many series, with an index per series that holds every block's summaries.
//
// A segment knows no place: it is written to an io.Writer and read through an
// io.ReaderAt, so a local file, an object in a bucket and a byte slice are alike.
package segment
