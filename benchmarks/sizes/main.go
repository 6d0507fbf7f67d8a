// Command sizes measures how many bits a value takes in Trellis's blocks, on real
// data and on the sensor of the design, beside what other tools reach.
//
//	sizes [-columns] [-speed] DIRECTORY
//
// DIRECTORY holds the data sets by the names of their origins (see the table in
// data.go). Sizes are of whole encoded blocks, header and checksum included, and
// of the columns of values alone. Every block is decoded and compared bit for bit.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	columns := flag.Bool("columns", false, "say how the first blocks of each data set are encoded")
	speed := flag.Bool("speed", false, "measure how fast values are encoded and decoded, too")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: sizes [-columns] [-speed] DIRECTORY")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *columns, *speed); err != nil {
		fmt.Fprintln(os.Stderr, "sizes:", err)
		os.Exit(1)
	}
}

func run(dir string, columns, speed bool) error {
	peers, err := published(dir)
	if err != nil {
		return err
	}
	sets, err := dataSets(dir)
	if err != nil {
		return err
	}
	var rows []row
	for _, s := range sets {
		r, err := measure(s, columns, speed)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		r.best = s.best
		if p, ok := peers[s.peer]; ok {
			r.best = p
		}
		rows = append(rows, r)
	}
	return write(os.Stdout, rows, speed)
}
