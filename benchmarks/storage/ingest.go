package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"
	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis"
	"github.com/trellisdb/trellis/flight"
)

// Targets.
const (
	bulkTarget   = 8e6 // samples per second and core of the server
	pointsTarget = 5e5 // samples per second
)

// bulkRows is the length of a long batch.
const bulkRows = 1 << 16

// runIngest measures bulk ingest.
func runIngest(ctx context.Context, o *options) error {
	t := newIngestTable("Ingest in bulk through DoPut, acknowledged when on disk")
	shapes := []shape{
		{name: "long, 64 Ki rows of one series", series: 1, rows: bulkRows},
		{name: "long, 64 Ki rows of one series, dictionary", series: 1, rows: bulkRows, dict: true},
		{name: "long, 64 Ki rows of 8 series, dictionary", series: 8, rows: bulkRows, dict: true},
		{name: "wide, 64 Ki rows of one series", wide: true, series: 1, rows: bulkRows},
		{name: "wide, 8 Ki rows of 8 series", wide: true, series: 8, rows: bulkRows / 8},
	}
	for _, s := range shapes {
		per := max(o.samples/s.samples()/int64(o.streams), 1)
		if err := o.ingestShape(ctx, t, s, o.streams, per, bulkTarget); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	t.note("Target: %.0f M samples/s per core of the server.", bulkTarget/1e6)
	return t.write(o.out)
}

// pointStreams is how many streams write points at once, each another second.
const pointStreams = 2

// runPoints measures batches with a sample of each of many series.
func runPoints(ctx context.Context, o *options) error {
	t := newIngestTable(fmt.Sprintf("Ingest of %d series, a sample of each in a batch", o.series))
	shapes := []shape{
		{name: "long", series: o.series, rows: o.series},
		{name: "long, dictionary", series: o.series, rows: o.series, dict: true},
		{name: "wide, a column per series", wide: true, series: o.series, rows: 1},
	}
	for _, s := range shapes {
		s.shared = true
		per := max(o.samples/8/s.samples()/pointStreams, 2)
		if s.wide {
			per = max(per/4, 2)
		}
		if err := o.ingestShape(ctx, t, s, pointStreams, per, 0); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	t.note("Target: %.1f M samples/s by wall clock.", pointsTarget/1e6)
	return t.write(o.out)
}

func newIngestTable(title string) *table {
	return &table{title: title, head: []string{
		"batches", "samples", "M/s", "M/s per core of the server", "with flush", "of the client",
		"stock: M/s per core of the server", "share of stock", "target",
	}}
}

// usage is what a run took.
type usage struct {
	samples              int64
	wall, server, client time.Duration
	whole                time.Duration // CPU of the server until everything is in segments
}

// rate returns millions of samples per second.
func (u usage) rate(d time.Duration) float64 {
	return float64(u.samples) / max(d.Seconds(), 1e-3) / 1e6
}

// ingestShape measures a shape and adds its row. A target of 0 is that of points.
func (o *options) ingestShape(ctx context.Context, t *table, s shape, streams int, per int64, target float64) error {
	var ours, stocks usage
	err := o.inDir(func(dir string) error {
		var err error
		ours, err = o.ingestTo(ctx, s, streams, per, func() (*receiver, error) { return o.startTrellis(ctx, dir) })
		return err
	})
	if err != nil {
		return err
	}
	stocks, err = o.ingestTo(ctx, s, streams, per, func() (*receiver, error) {
		p, err := startStock(ctx)
		return &receiver{process: p, stock: true}, err
	})
	if err != nil {
		return fmt.Errorf("stock: %w", err)
	}
	ok := ours.rate(ours.server)*1e6 >= target
	if target == 0 {
		ok = ours.rate(ours.wall)*1e6 >= pointsTarget
	}
	t.add(s.name, ours.samples, ours.rate(ours.wall), ours.rate(ours.server), ours.rate(ours.whole), ours.rate(ours.client),
		stocks.rate(stocks.server), ours.rate(ours.server)/stocks.rate(stocks.server), reached(ok))
	return nil
}

// receiver is a server that batches are sent to: a process, or in this one.
type receiver struct {
	process *process
	inside  *inside
	stock   bool
}

func (t *receiver) address() string {
	if t.process != nil {
		return t.process.address
	}
	return t.inside.address
}

func (t *receiver) cpu() (time.Duration, error) {
	if t.process != nil {
		return cpuOf(t.process.cmd.Process.Pid)
	}
	return ownCPU()
}

// profile begins a profile of a server in this process, in a file named by the shape.
func (t *receiver) profile(file, shape string) (err error) {
	if t.inside == nil {
		return nil
	}
	if t.inside.profile, err = os.Create(file + "." + strings.ReplaceAll(shape, " ", "-")); err != nil {
		return err
	}
	return pprof.StartCPUProfile(t.inside.profile)
}

func (t *receiver) stop() (time.Duration, error) {
	if t.process != nil {
		return t.process.stop()
	}
	return t.inside.stop()
}

// startTrellis starts a server on a directory.
func (o *options) startTrellis(ctx context.Context, dir string) (*receiver, error) {
	if o.profile != "" {
		s, err := serveInside(ctx, filepath.Join(dir, "data"))
		return &receiver{inside: s}, err
	}
	p, err := start(ctx, o.trellis, "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--log-level", "error")
	return &receiver{process: p}, err
}

// ingestTo sends so many batches through each of some streams to a server, after one
// that makes the series.
func (o *options) ingestTo(ctx context.Context, s shape, streams int, per int64, start func() (*receiver, error)) (u usage, err error) {
	server, err := start()
	if err != nil {
		return u, err
	}
	defer func() {
		if server != nil {
			_, stopped := server.stop()
			err = errors.Join(err, stopped)
		}
	}()
	c, err := connect(server.address())
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	open, err := openAll(ctx, c, s, streams)
	if err != nil {
		return u, err
	}
	if err := server.profile(o.profile, s.name); err != nil {
		return u, err
	}
	server0, err := server.cpu()
	if err != nil {
		return u, err
	}
	client0, err := ownCPU()
	if err != nil {
		return u, err
	}
	begin := time.Now()
	if err := sendAll(open, s, per); err != nil {
		return u, err
	}
	u.wall, u.samples = time.Since(begin), per*int64(streams)*s.samples()
	server1, err := server.cpu()
	if err != nil {
		return u, err
	}
	client1, err := ownCPU()
	if err != nil {
		return u, err
	}
	u.server, u.client = server1-server0, client1-client0
	for _, w := range open {
		if err := w.stream.close(); err != nil {
			return u, err
		}
	}
	if !server.stock {
		// Another batch of each stream came first; points of the streams are the same.
		want := (per + 1) * int64(streams) * s.samples()
		if s.shared {
			want = per*int64(streams)*s.samples() + s.samples()
		}
		if err := stored(ctx, c, want); err != nil {
			return u, err
		}
	}
	ended, err := server.stop()
	server = nil
	u.whole = ended - server0
	return u, err
}

// writer is a stream and what it sends.
type writer struct {
	stream  *stream
	batches *batches
}

// openAll opens streams. Each sends a first batch, which makes the series.
func openAll(ctx context.Context, c *flightsql.Client, s shape, streams int) (open []writer, err error) {
	values := sensor(1)
	for i := range streams {
		prefix := "plant/line/sensor"
		if !s.shared {
			prefix = fmt.Sprintf("plant%d/line/sensor", i)
		}
		b := newBatches(s, prefix, values)
		out, err := newStream(ctx, c, b.schema)
		if err != nil {
			return nil, err
		}
		first := b.batch(0)
		err = errors.Join(out.write(first), out.drain())
		first.Release()
		if err != nil {
			return nil, err
		}
		open = append(open, writer{out, b})
	}
	return open, nil
}

// sendAll sends so many batches through each stream, and waits for the answers.
func sendAll(open []writer, s shape, per int64) error {
	var group errgroup.Group
	for i, w := range open {
		group.Go(func() error {
			for k := range per {
				if s.shared {
					k = k*int64(len(open)) + int64(i)
				}
				b := w.batches.batch(1 + k)
				err := w.stream.write(b)
				b.Release()
				if err != nil {
					return err
				}
			}
			return w.stream.drain()
		})
	}
	return group.Wait()
}

// stored reports whether a server has so many samples.
func stored(ctx context.Context, c *flightsql.Client, want int64) error {
	info, err := c.Execute(ctx, "SELECT count(*) FROM samples")
	if err != nil {
		return err
	}
	reader, err := c.DoGet(ctx, info.GetEndpoint()[0].GetTicket())
	if err != nil {
		return err
	}
	defer reader.Release()
	batch, err := reader.Read()
	if err != nil {
		return err
	}
	if n := batch.Column(0).(*array.Int64).Value(0); n != want {
		return fmt.Errorf("the server has %d samples of the %d that it acknowledged", n, want)
	}
	return nil
}

// inside is a server in this process, under a profile.
type inside struct {
	db      *trellis.DB
	server  *flight.Server
	served  chan error
	address string
	profile *os.File
}

func serveInside(ctx context.Context, dir string) (*inside, error) {
	clock := func() int64 { return time.Now().UnixMicro() }
	db, err := trellis.Open(ctx, trellis.Options{Dir: dir, Clock: clock, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return nil, err
	}
	server, err := flight.New(flight.Options{Engine: db.Engine, Clock: clock, MaxMessage: maxMessage, Ingest: db.Memory.Ingest})
	if err != nil {
		return nil, errors.Join(err, db.Close(ctx))
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, db.Close(ctx))
	}
	s := &inside{db: db, server: server, served: make(chan error, 1), address: lis.Addr().String()}
	go func() { s.served <- server.Serve(lis) }()
	return s, nil
}

func (s *inside) stop() (time.Duration, error) {
	ctx := context.Background()
	var err error
	if s.profile != nil {
		pprof.StopCPUProfile()
		err = s.profile.Close()
	}
	err = errors.Join(err, s.server.Shutdown(ctx), <-s.served, s.db.Close(ctx))
	cpu, more := ownCPU()
	return cpu, errors.Join(err, more)
}
