package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/apache/arrow-go/v18/arrow/flight/flightsql"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store"
)

// editTarget is how long an edit may take until it is durable and visible.
const editTarget = 10 * time.Millisecond

// runEdit overwrites hours in the middle of years.
func runEdit(ctx context.Context, o *options) error {
	t := &table{
		title: fmt.Sprintf("Overwriting an hour of %.4g years at 1 Hz", o.years),
		head:  []string{"what", "edits", "p50", "p99", "target"},
	}
	q := &table{title: "The aggregate by month, before and after", head: []string{"when", "median", "ratio to before", "segments"}}
	err := o.inDir(func(dir string) error {
		d, err := openDatabase(ctx, filepath.Join(dir, "data"), nil, store.Options{CompactRate: -1})
		if err != nil {
			return err
		}
		if err := errors.Join(o.editStore(ctx, d, t, q), d.close(ctx)); err != nil {
			return err
		}
		return o.editSQL(ctx, dir, t, q)
	})
	if err != nil {
		return err
	}
	t.note("Target: below %v, durable and visible.", editTarget)
	return errors.Join(t.write(o.out), q.write(o.out))
}

// places are random hours of a span.
func (o *options) places(span columnar.Range) []int64 {
	r := rand.New(rand.NewPCG(7, 7))
	out := make([]int64, o.edits)
	for i := range out {
		out[i] = span.From + r.Int64N((span.To-span.From)/hour-1)*hour + r.Int64N(3600)*second
	}
	return out
}

// overwrite overwrites an hour by an edit.
func (d *database) overwrite(ctx context.Context, s columnar.Series, from int64, values []float64) error {
	e, err := d.Edit(ctx, columnar.EditInfo{Kind: columnar.Overwrite, Who: "bench", Reason: "measured"})
	if err != nil {
		return err
	}
	if err := e.Write(ctx, []columnar.Samples{samplesOf(s, from, blockLen, values)}); err != nil {
		return errors.Join(err, e.Close())
	}
	made, err := e.Commit(ctx)
	if err == nil && made.Replaced != blockLen {
		err = fmt.Errorf("an hour has %d samples, the edit replaced %d", blockLen, made.Replaced)
	}
	return errors.Join(err, e.Close())
}

func (o *options) editStore(ctx context.Context, d *database, t, q *table) error {
	span := o.spanOf()
	series, err := d.create(ctx, 1)
	if err != nil {
		return err
	}
	if err := d.load(ctx, series, span); err != nil {
		return err
	}
	month := func() error {
		_, err := d.aggregate(ctx, series, span, byMonth, 0)
		return err
	}
	before, err := median(month)
	if err != nil {
		return err
	}
	q.add("store: before", before, 1.0, len(d.Segments()))
	values := sensor(2)
	var took, next []time.Duration
	for _, from := range o.places(span) {
		begin := time.Now()
		if err := d.overwrite(ctx, series[0], from, values); err != nil {
			return err
		}
		took = append(took, time.Since(begin))
		begin = time.Now()
		if err := month(); err != nil {
			return err
		}
		next = append(next, time.Since(begin))
	}
	p50, p99 := quantile(took, 0.5), quantile(took, 0.99)
	t.add("store: Edit, Write, Commit", len(took), p50, p99, reached(p99 < editTarget))
	first := quantile(next, 0.5)
	q.add("store: the first after an edit", first, ratio(first, before), len(d.Segments()))
	after, err := median(month)
	if err != nil {
		return err
	}
	q.add(fmt.Sprintf("store: after %d edits", len(took)), after, ratio(after, before), len(d.Segments()))
	if err := d.Compact(ctx); err != nil {
		return err
	}
	compacted, err := median(month)
	if err != nil {
		return err
	}
	q.add("store: compacted", compacted, ratio(compacted, before), len(d.Segments()))
	return nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

// editSQL does the same through Flight, on the database that editStore has left.
func (o *options) editSQL(ctx context.Context, dir string, t, q *table) (err error) {
	p, err := o.startTrellis(ctx, dir)
	if err != nil {
		return err
	}
	defer func() {
		_, stopped := p.stop()
		err = errors.Join(err, stopped)
	}()
	c, err := connect(p.address())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	span := o.spanOf()
	month := func() error { return byMonthSQL(ctx, c) }
	before, err := median(month)
	if err != nil {
		return err
	}
	q.add("Flight SQL: before", before, 1.0, "")
	if err := p.profile(o.profile, "edit"); err != nil {
		return err
	}
	var took, next []time.Duration
	for _, from := range o.places(span) {
		statement := fmt.Sprintf("UPDATE samples SET value = value * 1.02 WHERE series = 'plant/sensor0' AND time >= '%s' AND time < '%s'", stamp(from), stamp(from+hour))
		begin := time.Now()
		n, err := c.ExecuteUpdate(ctx, statement)
		if err != nil {
			return err
		}
		took = append(took, time.Since(begin))
		if n != blockLen {
			return fmt.Errorf("an hour has %d samples, UPDATE changed %d", blockLen, n)
		}
		begin = time.Now()
		if err := month(); err != nil {
			return err
		}
		next = append(next, time.Since(begin))
	}
	p50, p99 := quantile(took, 0.5), quantile(took, 0.99)
	t.add("Flight SQL: UPDATE ... SET value = value * 1.02", len(took), p50, p99, reached(p99 < editTarget))
	first := quantile(next, 0.5)
	q.add("Flight SQL: the first after an edit", first, ratio(first, before), "")
	after, err := median(month)
	if err != nil {
		return err
	}
	q.add(fmt.Sprintf("Flight SQL: after %d edits", len(took)), after, ratio(after, before), "")
	return nil
}

func stamp(t int64) string { return time.UnixMicro(t).UTC().Format("2006-01-02 15:04:05Z") }

func byMonthSQL(ctx context.Context, c *flightsql.Client) error {
	rows, err := ask(ctx, c, "SELECT time_bucket('1 month', time) AS month, avg(value), min(value), max(value) FROM samples WHERE series = 'plant/sensor0' GROUP BY 1 ORDER BY 1")
	if err == nil && rows == 0 {
		err = errors.New("the aggregate by month has no rows")
	}
	return err
}
