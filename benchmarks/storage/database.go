package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
)

// database is a store with its catalog, laid out as trellis.Open does.
type database struct {
	*store.Store
	catalog meta.Catalog
}

func clock() int64 { return time.Now().UnixMicro() }

// openDatabase opens the database in a directory; its segments are in a bucket, or
// in the directory where that is nil.
func openDatabase(ctx context.Context, dir string, bucket object.Bucket, o store.Options) (*database, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	if bucket == nil {
		local, err := object.OpenDir(filepath.Join(dir, "bucket"))
		if err != nil {
			return nil, err
		}
		bucket = local
	}
	catalog, err := sqlite.Open(ctx, filepath.Join(dir, "catalog.sqlite"))
	if err != nil {
		return nil, err
	}
	o.Bucket, o.Catalog, o.LogDir, o.Clock = bucket, catalog, filepath.Join(dir, "wal"), clock
	s, err := store.Open(ctx, o)
	if err != nil {
		return nil, errors.Join(err, catalog.Close())
	}
	return &database{s, catalog}, nil
}

func (d *database) close(ctx context.Context) error {
	return errors.Join(d.Store.Close(ctx), d.catalog.Close())
}

// blockLen is the default block of a series at 1 Hz: an hour.
const blockLen = 3600

// create makes series at 1 Hz.
func (d *database) create(ctx context.Context, n int) ([]columnar.Series, error) {
	var create []meta.Series
	for i := range n {
		create = append(create, meta.Series{
			Series: columnar.Series{Type: columnar.Double, Grid: columnar.Grid{Period: second, BlockLen: blockLen}},
			Name:   fmt.Sprintf("plant/sensor%d", i), Zone: "America/Santiago", Codec: "auto", Labels: "{}",
		})
	}
	made, err := d.catalog.CreateSeries(ctx, create)
	if err != nil {
		return nil, err
	}
	out := make([]columnar.Series, n)
	for i := range made {
		out[i] = made[i].Series
	}
	return out, nil
}

// spanOf is the years, in whole days.
func (o *options) spanOf() columnar.Range {
	days := max(int64(o.years*365.25), 40)
	return columnar.Range{From: origin, To: origin + days*day}
}

// samplesOf returns n samples of a series from an instant on, a second apart.
func samplesOf(s columnar.Series, from int64, n int, values []float64) columnar.Samples {
	out := columnar.Samples{Series: s, Times: make([]int64, n)}
	for i := range out.Times {
		out.Times[i] = from + int64(i)*second
	}
	at := int((from - origin) / second % (cycle - 86_400))
	if at+n > len(values) {
		at = 0
	}
	out.Floats = values[at : at+n]
	return out
}

// load writes a span of series in the order of time, a week of each at once.
func (d *database) load(ctx context.Context, series []columnar.Series, span columnar.Range) error {
	values := sensor(1)
	for from := span.From; from < span.To; from += 7 * day {
		n := int(min(7*day, span.To-from) / second)
		for _, s := range series {
			if err := d.Append(ctx, []columnar.Samples{samplesOf(s, from, n, values)}); err != nil {
				return err
			}
		}
	}
	return d.Flush(ctx)
}

// santiago is where the sensors stand: its clocks change.
const santiago = "America/Santiago"

// bins are local bins of the sensors.
type bins struct{ zone.Bins }

// Bin implements columnar.Bins.
func (b bins) Bin(t int64) zone.Bin { return b.At(t) }

func localBins(w zone.Width) (columnar.Bins, error) {
	z, err := zone.Load(santiago)
	if err != nil {
		return nil, err
	}
	b, err := zone.NewBins(w, z, zone.DefaultOrigin(w))
	return bins{b}, err
}

// The bins that are asked for.
var (
	byMonth = zone.Width{Months: 1}
	byDay   = zone.Width{Days: 1}
)

// aggregate reads count, sum, min and max of series in bins, and returns the number of rows.
func (d *database) aggregate(ctx context.Context, series []columnar.Series, span columnar.Range, w zone.Width, snapshot int64) (int64, error) {
	of, err := localBins(w)
	if err != nil {
		return 0, err
	}
	sel := columnar.Selection{
		Series: series, Qualities: columnar.Usable, Stats: columnar.StatSum | columnar.StatRange, Snapshot: snapshot,
		Counters: new(columnar.Counters),
	}
	for range series {
		sel.Ranges, sel.Bins = append(sel.Ranges, []columnar.Range{span}), append(sel.Bins, of)
	}
	in, err := d.Summaries(ctx, sel)
	if err != nil {
		return 0, err
	}
	return drain(ctx, in)
}

// raw reads the values of series, and returns their number.
func (d *database) raw(ctx context.Context, series []columnar.Series, span columnar.Range) (int64, error) {
	sel := columnar.Selection{Series: series, Qualities: columnar.Usable, Columns: columnar.ColValue, Counters: new(columnar.Counters)}
	for range series {
		sel.Ranges = append(sel.Ranges, []columnar.Range{span})
	}
	in, err := d.Samples(ctx, sel)
	if err != nil {
		return 0, err
	}
	return drain(ctx, in)
}

func drain(ctx context.Context, in columnar.Stream) (rows int64, err error) {
	defer func() { err = errors.Join(err, in.Close()) }()
	for {
		batch, err := in.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += batch.NumRows()
		batch.Release()
	}
}

// repeats is how often a query is asked for the median of its times.
const repeats = 21

// median returns the median time of a question, once it has been asked.
func median(ask func() error) (time.Duration, error) {
	var took []time.Duration
	for i := range repeats + 1 {
		begin := time.Now()
		if err := ask(); err != nil {
			return 0, err
		}
		if i > 0 {
			took = append(took, time.Since(begin))
		}
	}
	return quantile(took, 0.5), nil
}

// liveBytes is what the live segments take.
func (d *database) liveBytes() (n int64) {
	for _, s := range d.Segments() {
		n += s.Size
	}
	return n
}
