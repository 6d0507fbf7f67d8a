package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/store"
)

// Targets of backfilling in random order.
const (
	amplificationTarget = 4.0
	slowerTarget        = 1.10
)

const (
	backfillSeries = 2
	backfillHead   = 4 << 20 // so that there are many flushes
)

// backfilled is how a database came about.
type backfilled struct {
	name string
	*database
	series []columnar.Series
}

// runBackfill writes years in random order and compares with the order of time.
func runBackfill(ctx context.Context, o *options) error {
	chunk, ok := map[string]int64{"hour": hour, "day": day, "month": 30 * day}[o.chunk]
	if !ok {
		return fmt.Errorf("-chunk %q: write hour, day or month", o.chunk)
	}
	return o.inDir(func(dir string) (err error) {
		var all []*backfilled
		defer func() {
			for _, b := range all {
				err = errors.Join(err, b.close(ctx))
			}
		}()
		for _, name := range []string{"in order", "in random order"} {
			d, err := openDatabase(ctx, filepath.Join(dir, name), nil, store.Options{HeadBytes: backfillHead})
			if err != nil {
				return err
			}
			b := &backfilled{name: name, database: d}
			all = append(all, b)
			if err := o.backfill(ctx, b, chunk, name != "in order"); err != nil {
				return err
			}
		}
		return o.compareBackfills(ctx, all)
	})
}

// backfill writes the chunks of all series, in random order or in that of time.
func (o *options) backfill(ctx context.Context, b *backfilled, chunk int64, random bool) error {
	span := o.spanOf()
	var err error
	if b.series, err = b.create(ctx, backfillSeries); err != nil {
		return err
	}
	type piece struct {
		series columnar.Series
		from   int64
	}
	var pieces []piece
	for from := span.From; from < span.To; from += chunk {
		for _, s := range b.series {
			pieces = append(pieces, piece{s, from})
		}
	}
	if random {
		rand.New(rand.NewPCG(3, 3)).Shuffle(len(pieces), func(i, k int) { pieces[i], pieces[k] = pieces[k], pieces[i] })
	}
	values := sensor(1)
	for _, p := range pieces {
		n := int(min(chunk, span.To-p.from) / second)
		if err := b.Append(ctx, []columnar.Samples{samplesOf(p.series, p.from, n, values)}); err != nil {
			return err
		}
	}
	if err := b.Flush(ctx); err != nil {
		return err
	}
	return b.Compact(ctx)
}

// compareBackfills prints what was written and how long queries take.
func (o *options) compareBackfills(ctx context.Context, all []*backfilled) error {
	span := o.spanOf()
	w := &table{
		title: fmt.Sprintf("%.4g years at 1 Hz of %d series, written by %s", o.years, backfillSeries, o.chunk),
		head:  []string{"order", "flushed, MB", "compacted, MB", "live, MB", "written per live byte", "segments", "target"},
	}
	q := &table{title: "Queries after compaction", head: []string{"query", all[0].name, all[1].name, "ratio", "target"}}
	for _, b := range all {
		stats := b.Stats()
		live := b.liveBytes()
		amplification := float64(stats.WrittenBytes) / float64(live)
		target := "–"
		if b != all[0] {
			target = reached(amplification <= amplificationTarget)
		}
		w.add(b.name, megabytes(stats.FlushedBytes), megabytes(stats.CompactedBytes), megabytes(live), amplification, stats.Segments, target)
	}
	w.note("Target: at most %.0f bytes written for a live one.", amplificationTarget)
	for _, of := range []struct {
		name string
		ask  func(b *backfilled) error
	}{
		{"by month", func(b *backfilled) error {
			_, err := b.aggregate(ctx, b.series, span, byMonth, 0)
			return err
		}},
		{"by local day", func(b *backfilled) error {
			_, err := b.aggregate(ctx, b.series, span, byDay, 0)
			return err
		}},
		{"30 days of samples", func(b *backfilled) error {
			_, err := b.raw(ctx, b.series, columnar.Range{From: span.From + 5*day, To: span.From + 35*day})
			return err
		}},
	} {
		// In turn, so that what else the machine does meets both.
		var took [2][]time.Duration
		for range repeats {
			for i, b := range all {
				begin := time.Now()
				if err := of.ask(b); err != nil {
					return err
				}
				took[i] = append(took[i], time.Since(begin))
			}
		}
		ordered, random := quantile(took[0], 0.5), quantile(took[1], 0.5)
		q.add(of.name, ordered, random, ratio(random, ordered), reached(ratio(random, ordered) <= slowerTarget))
	}
	q.note("Target: a ratio of at most %.2f. Times are medians of %d, asked in turn.", slowerTarget, repeats)
	return errors.Join(w.write(o.out), q.write(o.out))
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
