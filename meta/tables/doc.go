// Package tables carries out the catalog's contract on the tables of an SQL
// database, in the words that SQLite and PostgreSQL have in common.
//
// The drivers (meta/sqlite, meta/postgres) make the tables, connect, and run
// transactions; what is spelled differently they say in a [Dialect].
//
// # One after the other
//
// One row makes the writers queue up: every change begins by locking the row of
// catalog, which holds the newest epoch. So snapshots grow by one (M1), and an
// epoch that was found to be the newest is that until the change is done (M2).
//
// # Sums
//
// Each row carries a sum over its columns, and the row of catalog carries, for each
// table, what the sums of its rows add up to (M5). So rows are read and written through
// a table alone, whose columns stand in rows.go. A migration that adds a column to a
// table must have all sums made anew (Prepare):
//
//	UPDATE catalog SET sum = NULL, totals = '', trail = 0;
//	UPDATE generation SET sum = NULL;
//
// # Series in memory
//
// Series answers from memory for as long as the database's generation is the one that
// was read. When it is not, only the rows changed since then are read.
package tables
