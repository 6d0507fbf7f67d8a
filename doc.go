// Package trellis is the embeddable database: Open puts a catalog, a store and an
// engine together and hands out the engine.
//
// It is the only place where the two towers meet: the engine (questions) knows
// nothing of the store (cells), and the store nothing of the engine. The server in
// cmd/trellis is this package with Flight in front of it.
package trellis
