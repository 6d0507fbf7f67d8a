package store_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"go.uber.org/goleak"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
	"github.com/trellisdb/trellis/meta"
	"github.com/trellisdb/trellis/meta/sqlite/sqlitetest"
	"github.com/trellisdb/trellis/store"
	"github.com/trellisdb/trellis/store/object"
)

func TestMain(m *testing.M) {
	if runChild() || stepChild() || rivalChild() {
		return
	}
	goleak.VerifyTestMain(withServers{m})
}

// database is a store with all that it stands on, which outlives it.
type database struct {
	bucket  object.Bucket
	catalog meta.Catalog
	dir     string
	options store.Options
	*store.Store
}

// newDatabase returns a database in memory, but for the log and the catalog.
func newDatabase(t testing.TB) *database {
	t.Helper()
	d := &database{bucket: new(object.Memory), dir: t.TempDir()}
	d.catalog = sqlitetest.New(t, filepath.Join(d.dir, "catalog.db"))
	t.Cleanup(func() {
		if d.Store != nil {
			if err := d.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

func clock() int64 { return time.Now().UnixMicro() }

// scope is a part of a test that cleans up at its end, not at that of the test: thousands
// of databases would need more open files than a process may have.
type scope struct {
	testing.TB
	cleanups []func()
}

// scoped runs do as a part of a test.
func scoped(t testing.TB, do func(t testing.TB)) {
	s := &scope{TB: t}
	defer func() {
		for _, clean := range slices.Backward(s.cleanups) {
			clean()
		}
	}()
	do(s)
}

// Cleanup implements [testing.TB].
func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

// TempDir implements [testing.TB].
func (s *scope) TempDir() string {
	s.Helper()
	dir, err := os.MkdirTemp("", "scope")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			s.Error(err)
		}
	})
	return dir
}

// open opens the store.
func (d *database) open(t testing.TB) {
	t.Helper()
	o := d.options
	o.Bucket, o.Catalog, o.LogDir = d.bucket, d.catalog, filepath.Join(d.dir, "log")
	if o.Clock == nil {
		o.Clock = clock
	}
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Store = s
}

// reopen closes the store and opens it again.
func (d *database) reopen(t testing.TB) {
	t.Helper()
	if err := d.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.open(t)
}

// create makes a series.
func (d *database) create(t testing.TB, name string, typ columnar.Type, g columnar.Grid) columnar.Series {
	t.Helper()
	made, err := d.catalog.CreateSeries(context.Background(), []meta.Series{{
		Series: columnar.Series{Type: typ, Grid: g}, Name: name, Zone: "UTC", Codec: "auto", Labels: "{}",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return made[0].Series
}

func (d *database) append(t testing.TB, samples ...columnar.Samples) {
	t.Helper()
	if err := d.Append(context.Background(), samples); err != nil {
		t.Fatal(err)
	}
}

func (d *database) flush(t testing.TB) {
	t.Helper()
	if err := d.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// sample is a row of a stream of samples with all columns.
type sample struct {
	series  int32
	time    int64
	value   any // float64, int64 or string as written; nil: none
	status  columnar.Status
	visible any // value, int_value, ordinal or text; nil where it is null
}

// always is all of time.
var always = []columnar.Range{{From: columnar.MinTime, To: columnar.MaxTime}}

const allColumns = columnar.ColEditID<<1 - 1

// readSamples drains a stream of samples with all columns.
func readSamples(t testing.TB, s *store.Store, sel columnar.Selection) []sample {
	t.Helper()
	rows, err := collectSamples(s, sel)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func collectSamples(s *store.Store, sel columnar.Selection) (rows []sample, err error) {
	sel.Columns = allColumns
	stream, err := s.Samples(context.Background(), sel)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	for {
		batch, err := stream.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		for i := range int(batch.NumRows()) {
			r := sample{series: batch.Column(0).(*array.Int32).Value(i), time: int64(batch.Column(1).(*array.Timestamp).Value(i))}
			typ := sel.Series[r.series].Type
			value, raw := batch.Column(2).(*array.Float64), batch.Column(3).(*array.Float64)
			ints, ordinal, text := batch.Column(4).(*array.Int64), batch.Column(5).(*array.Int64), batch.Column(6).(*array.String)
			r.status = columnar.Status(batch.Column(7).(*array.Uint32).Value(i))
			if raw.IsValid(i) {
				r.value = raw.Value(i)
			}
			switch {
			case value.IsValid(i) && typ.Kind() == columnar.Floats:
				r.visible = value.Value(i)
			case ints.IsValid(i) && typ == columnar.Integer:
				r.visible = ints.Value(i)
			case ordinal.IsValid(i):
				r.visible = ordinal.Value(i)
			case text.IsValid(i):
				r.visible = text.Value(i)
			}
			rows = append(rows, r)
		}
		batch.Release()
	}
}

// readSummaries drains a stream of summaries.
func readSummaries(t testing.TB, s *store.Store, sel columnar.Selection) (rows []columnar.SummaryRow) {
	t.Helper()
	stream, err := s.Summaries(context.Background(), sel)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	if rows, err = drainSummaries(stream, sel.Stats); err != nil {
		t.Fatal(err)
	}
	return rows
}

// drainSummaries returns all that a stream of summaries has.
func drainSummaries(stream columnar.Stream, stats columnar.Stats) (rows []columnar.SummaryRow, err error) {
	r := columnar.NewSummaryReader(stats)
	for {
		batch, err := stream.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if err := r.Reset(batch); err != nil {
			return rows, err
		}
		for i := range r.Len() {
			var row columnar.SummaryRow
			r.Row(i, &row)
			rows = append(rows, row)
		}
		batch.Release()
	}
}

// width is bins of a fixed number of microseconds.
type width int64

// Bin implements columnar.Bins.
func (w width) Bin(t int64) zone.Bin {
	from := t - ((t%int64(w))+int64(w))%int64(w)
	return zone.Bin{From: from, To: from + int64(w), Local: from}
}
