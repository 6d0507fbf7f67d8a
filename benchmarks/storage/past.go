package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trellisdb/trellis/store"
)

// runPast asks for the state before many edits and for the present one.
func runPast(ctx context.Context, o *options) error {
	t := &table{
		title: fmt.Sprintf("%.4g years at 1 Hz by month, as of the snapshot before %d edits and now", o.years, o.edits),
		head:  []string{"when", "first", "median", "ratio to now"},
	}
	err := o.inDir(func(dir string) error {
		d, err := openDatabase(ctx, dir, nil, store.Options{CompactRate: -1})
		if err != nil {
			return err
		}
		return errors.Join(o.past(ctx, d, t), d.close(ctx))
	})
	if err != nil {
		return err
	}
	t.note("Target: a ratio of about 1.")
	return t.write(o.out)
}

func (o *options) past(ctx context.Context, d *database, t *table) error {
	span := o.spanOf()
	series, err := d.create(ctx, 1)
	if err != nil {
		return err
	}
	if err := d.load(ctx, series, span); err != nil {
		return err
	}
	old, values := d.Snapshot(), sensor(2)
	for _, from := range o.places(span) {
		if err := d.overwrite(ctx, series[0], from, values); err != nil {
			return err
		}
	}
	for _, compacted := range []string{"", ", compacted"} {
		if compacted != "" {
			if err := d.Compact(ctx); err != nil {
				return err
			}
		}
		var firsts, medians []time.Duration
		for _, snapshot := range []int64{0, old} {
			month := func() error {
				_, err := d.aggregate(ctx, series, span, byMonth, snapshot)
				return err
			}
			begin := time.Now()
			if err := month(); err != nil {
				return err
			}
			firsts = append(firsts, time.Since(begin))
			m, err := median(month)
			if err != nil {
				return err
			}
			medians = append(medians, m)
		}
		t.add("now"+compacted, firsts[0], medians[0], 1.0)
		t.add("as of before"+compacted, firsts[1], medians[1], ratio(medians[1], medians[0]))
	}
	return nil
}
