// Package tables carries out the catalog's contract on the tables of an SQL
// database, in the words that SQLite and PostgreSQL have in common.
//
// The drivers (meta/sqlite, meta/postgres) make the tables, connect, and run
// transactions; what is spelled differently they say in a [Dialect].
//
// # One after the other
//
// Two rows make the writers queue up. Whatever changes the series begins by
// counting up the row of generation; every other change begins by locking the row
// of catalog, which holds the newest epoch. So snapshots grow by one (M1), and an
// epoch that was found to be the newest is that until the change is done (M2).
//
// # Series in memory
//
// Series answers from memory for as long as the database's generation is the one that
// was read. When it is not, only the rows changed since then are read.
package tables
