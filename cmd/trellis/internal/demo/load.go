package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/dustin/go-humanize"
)

// load creates the series that do not exist and stores the samples of all.
func (d *demo) load(ctx context.Context) error {
	if err := d.create(ctx); err != nil {
		return err
	}
	if err := d.loadFiles(ctx); err != nil {
		return err
	}
	return d.loadYears(ctx)
}

// create creates the series that do not exist.
func (d *demo) create(ctx context.Context) error {
	known := map[string]bool{}
	rows, err := d.rows(ctx, "SELECT series FROM series")
	if err != nil {
		return err
	}
	for _, row := range rows {
		known[row[0]] = true
	}
	var values []string
	for _, f := range append([]file{formed}, files...) {
		for _, c := range f.columns {
			if s := c.series; !known[s.name] {
				values = append(values, s.values(f))
			}
		}
	}
	if len(values) == 0 {
		return nil
	}
	return d.run(ctx, "INSERT INTO series (series, type, sample_t, zone, unit, labels, description) VALUES\n"+strings.Join(values, ",\n"))
}

// values returns the series as a row of VALUES.
func (s series) values(f file) string {
	kind, unit := "double", "NULL"
	if s.text {
		kind = "text"
	}
	if s.unit != "" {
		unit = "'" + s.unit + "'"
	}
	return fmt.Sprintf(`('%s', '%s', '%s', '%s', %s, '{"site": "%s", "kind": "%s"}', '%s')`,
		s.name, kind, s.period, f.zone, unit, f.site, s.kind, f.about)
}

// loadFiles stores the bundled files, whatever is stored already.
func (d *demo) loadFiles(ctx context.Context) error {
	for i := range files {
		f := &files[i]
		begin := d.opts.Clock()
		batches, count, err := f.read()
		if err != nil {
			return err
		}
		in, err := d.conn.Ingest(ctx)
		if err != nil {
			return err
		}
		for _, b := range batches {
			if err := in.Write(b); err != nil {
				return errors.Join(fmt.Errorf("file %s: %w", f.name, err), in.Close())
			}
		}
		if err := in.Close(); err != nil {
			return fmt.Errorf("file %s: %w", f.name, err)
		}
		d.printf("  %-40s %2d series %8s samples  %s  %s\n", f.name, len(f.columns), humanize.Comma(count.samples), d.took(begin), f.about)
		if marks := count.String(); marks != "" {
			d.printf("  %40s %s\n", "", marks)
		}
	}
	return nil
}

// String says which samples are not good.
func (t tally) String() string {
	var parts []string
	for _, p := range []struct {
		n    int64
		name string
	}{{t.bad, "bad"}, {t.uncertain, "uncertain"}, {t.missing, "without a value"}} {
		if p.n > 0 {
			parts = append(parts, humanize.Comma(p.n)+" "+p.name)
		}
	}
	return strings.Join(parts, ", ")
}

// batchLen is how many samples of the formula go into a batch: ten days.
const batchLen = 10 * 86_400

// loadYears makes and stores the samples of the formula, unless they are there.
func (d *demo) loadYears(ctx context.Context) error {
	total := d.years.Seconds()
	rows, err := d.rows(ctx, "SELECT count(*) FROM samples WHERE series = '"+Formed+"'")
	if err != nil {
		return err
	}
	if rows[0][0] == fmt.Sprint(total) {
		d.printf("  %-40s is stored already: %s samples\n", Formed, humanize.Comma(total))
		return nil
	}
	d.printf("\n%s: %s, a sample per second\n\n", Formed, d.years)
	if err := writeFormula(d.opts.Out); err != nil {
		return err
	}
	d.printf("\n")
	in, err := d.conn.Ingest(ctx)
	if err != nil {
		return err
	}
	p := d.newProgress(total)
	for from := d.years.From; from < d.years.To; from += batchLen {
		n := min(batchLen, d.years.To-from)
		if err := in.Write(formedBatch(from, n)); err != nil {
			return errors.Join(err, in.Close())
		}
		p.add(n, time.Unix(from+n, 0).UTC().Format("2006-01"))
	}
	if err := in.Close(); err != nil {
		return err
	}
	p.end()
	return nil
}

// formedBatch returns n samples of the formula as a batch with a column for the
// series.
func formedBatch(from, n int64) arrow.RecordBatch {
	times, values := make([]int64, n), make([]float64, n)
	fill(times, values, from)
	column := func(t arrow.DataType, bytes []byte) arrow.Array {
		data := array.NewData(t, int(n), []*memory.Buffer{nil, memory.NewBufferBytes(bytes)}, nil, 0, 0)
		return array.MakeFromData(data)
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "time", Type: instant},
		{Name: Formed, Type: arrow.PrimitiveTypes.Float64},
	}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{
		column(instant, arrow.GetBytes(times)),
		column(arrow.PrimitiveTypes.Float64, arrow.GetBytes(values)),
	}, n)
}
