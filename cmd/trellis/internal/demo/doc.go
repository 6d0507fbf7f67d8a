// Package demo shows the database at work: it loads sensor series that are bundled
// with the program and ten years of one more that a formula makes, asks questions,
// and prints the answers together with what each of them touched.
//
// The real series are files as their publishers made them (data/README.md names
// origin and licence of each): a description per file says which columns are time and
// values, and what in them means that a value is bad, uncertain or missing. The other
// series is made by Temperature, in integers only, so that any other program makes
// the same bits.
//
// Everything goes the way of every client: samples by DoPut, questions by Flight SQL.
package demo
