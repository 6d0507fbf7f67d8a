// Command storage measures what the store is built for: taking samples in, correcting
// history, backfilling it in any order, and reading it from S3.
//
//	storage [flags] ingest | points | edit | backfill | s3 | past ...
//
// Each prints a table with ratios and counts, and what was aimed at. The README beside
// this directory says what they measure, and how.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	trellis string // the program to start as a server
	profile string // file for a CPU profile; the server then runs in this process
	dir     string // where databases are made
	years   float64
	samples int64 // of one run of ingest
	streams int
	series  int    // of points
	edits   int    // of edit and past
	chunk   string // of backfill
	delay   time.Duration
	out     io.Writer
}

// benchmark is one thing that is measured.
type benchmark struct {
	name string
	run  func(ctx context.Context, o *options) error
}

var benchmarks = []benchmark{
	{"ingest", runIngest},
	{"points", runPoints},
	{"edit", runEdit},
	{"backfill", runBackfill},
	{"s3", runS3},
	{"past", runPast},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "storage:", err)
		os.Exit(1)
	}
}

// run runs the benchmarks that the arguments name.
func run(ctx context.Context, args []string, out io.Writer) error {
	o := &options{out: out}
	flags := flag.NewFlagSet("storage", flag.ContinueOnError)
	flags.StringVar(&o.trellis, "trellis", os.Getenv("TRELLIS"), "program that is started as the server (make build makes it)")
	flags.StringVar(&o.profile, "profile", "", "write CPU profiles of ingest, points and edit to files that begin with this; the server then runs in this process")
	flags.StringVar(&o.dir, "dir", "", "directory for databases, on the disk that is to be measured; default: the system's for temporary files")
	flags.Float64Var(&o.years, "years", 10, "years of samples at 1 Hz of edit, backfill, s3 and past")
	flags.Int64Var(&o.samples, "samples", 64<<20, "samples of each run of ingest")
	flags.IntVar(&o.streams, "streams", 4, "streams that write at once")
	flags.IntVar(&o.series, "series", 100_000, "series of points, each with one sample in a batch")
	flags.IntVar(&o.edits, "edits", 50, "edits of edit and past")
	flags.StringVar(&o.chunk, "chunk", "day", "what backfill writes at once: hour, day or month")
	flags.DurationVar(&o.delay, "delay", 20*time.Millisecond, "what the S3 endpoint needs for every request")
	flags.Usage = func() {
		names := make([]string, len(benchmarks))
		for i, b := range benchmarks {
			names[i] = b.name
		}
		_, _ = fmt.Fprintf(flags.Output(), "usage: storage [flags] %s ...\n", strings.Join(names, " | "))
		flags.PrintDefaults()
	}
	if len(args) > 0 && args[0] == stockName {
		return serveStock(ctx, out)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return fmt.Errorf("say what to measure")
	}
	if _, err := fmt.Fprintf(out, "%s, %d cores, %s/%s, %s\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()); err != nil {
		return err
	}
	for _, name := range flags.Args() {
		i := slices.IndexFunc(benchmarks, func(b benchmark) bool { return b.name == name })
		if i < 0 {
			return fmt.Errorf("there is no benchmark %q: see storage -h", name)
		}
		if err := benchmarks[i].run(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// inDir calls f with a new directory, which goes afterwards.
func (o *options) inDir(f func(dir string) error) error {
	dir, err := os.MkdirTemp(o.dir, "storage-")
	if err != nil {
		return err
	}
	err = f(dir)
	if gone := os.RemoveAll(dir); err == nil {
		err = gone
	}
	return err
}
