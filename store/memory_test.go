package store_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/memory"
)

// limited opens the store with a budget of so many bytes.
func (d *database) limited(t testing.TB, budget int64) *memory.Parts {
	t.Helper()
	parts := memory.NewParts(memory.Shares{Budget: budget})
	d.options.Memory, d.options.HeadBytes, d.options.HeadAge = parts, budget/8, -1
	d.open(t)
	return parts
}

// scattered returns samples of which no block is whole.
func scattered(s columnar.Series, from, n int64) columnar.Samples {
	in := columnar.Samples{Series: s}
	for i := from; i < from+n; i++ {
		in.Times = append(in.Times, 2*i*s.Grid.Period)
		in.Floats = append(in.Floats, float64(i))
	}
	return in
}

func TestWritersWaitForTheHeadAndLoseNothing(t *testing.T) {
	d := newDatabase(t)
	parts := d.limited(t, 2<<20)
	series := d.create(t, "a", columnar.Double, columnar.Grid{Period: 1000, BlockLen: 1024})
	const writers, batches, n = 8, 20, 2000
	var group errgroup.Group
	for w := range int64(writers) {
		group.Go(func() error {
			for b := range int64(batches) {
				if err := d.Append(t.Context(), []columnar.Samples{scattered(series, (w*batches+b)*n, n)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	rows := readSamples(t, d.Store, columnar.Selection{Series: []columnar.Series{series}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality})
	if len(rows) != writers*batches*n {
		t.Errorf("%d samples of %d are there", len(rows), writers*batches*n)
	}
	head := parts.Head.Use()
	if head.High > head.Most || head.Waited == 0 || head.Refused != 0 {
		t.Errorf("the head: %+v", head)
	}
	if want := d.Stats().HeadBytes; head.Used != want {
		t.Errorf("the head has %d bytes and counts %d", want, head.Used)
	}
	if u := parts.Flush.Use(); u.Used != 0 || u.High == 0 {
		t.Errorf("flushes: %+v", u)
	}
	d.reopen(t) // what was in the log is counted, too
	d.append(t, scattered(series, 0, n))
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := parts.Budget.Used(); now != 0 {
		t.Errorf("%d bytes have leaked: %+v", now, parts.Budget.Uses())
	}
}

func TestABatchThatNeverFitsIsRefused(t *testing.T) {
	d := newDatabase(t)
	parts := d.limited(t, 1<<20)
	series := d.create(t, "a", columnar.Double, columnar.Grid{Period: 1000, BlockLen: 1024})
	var refused *memory.Refusal
	if err := d.Append(t.Context(), []columnar.Samples{scattered(series, 0, 50_000)}); !errors.As(err, &refused) || !refused.Never {
		t.Errorf("%v", err)
	}
	if d.Stats().HeadSamples != 0 || parts.Head.Used() != 0 {
		t.Errorf("%+v", d.Stats())
	}
}

// purse is the memory of a query.
type purse struct {
	sync.Mutex
	limit, used, high int64
}

var errPurse = errors.New("the purse is empty")

func (p *purse) Take(n int64) error {
	p.Lock()
	defer p.Unlock()
	if p.used+n > p.limit {
		return errPurse
	}
	p.used += n
	p.high = max(p.high, p.used)
	return nil
}

func (p *purse) Give(n int64) {
	p.Lock()
	defer p.Unlock()
	p.used -= n
}

func TestAScanGoesOnWithLessMemory(t *testing.T) {
	d := newDatabase(t)
	d.options.Workers = 4
	d.open(t)
	series := d.create(t, "a", columnar.Double, columnar.Grid{Period: 1000, BlockLen: 1024})
	for b := range int64(10) {
		d.append(t, scattered(series, b*100_000, 100_000))
	}
	d.flush(t)
	sel := columnar.Selection{
		Series: []columnar.Series{series}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality,
		Bins: []columnar.Bins{width(10_000)}, Stats: columnar.AllStats,
	}
	samples, summaries := readSamples(t, d.Store, sel), readSummaries(t, d.Store, sel)
	most := map[string]int64{}
	for _, limit := range []int64{1 << 30, 8 << 20} {
		p := &purse{limit: limit}
		sel.Memory = p
		if got := readSamples(t, d.Store, sel); !reflect.DeepEqual(got, samples) {
			t.Errorf("with %d bytes there are %d samples, want %d", limit, len(got), len(samples))
		}
		if limit == 1<<30 {
			most["samples"] = p.high
		}
		p.limit = 2 * limit // rows of summaries are wide
		if got := readSummaries(t, d.Store, sel); !reflect.DeepEqual(got, summaries) {
			t.Errorf("with %d bytes there are %d summaries, want %d", limit, len(got), len(summaries))
		}
		if p.used != 0 {
			t.Errorf("%d bytes have leaked", p.used)
		}
	}
	if most["samples"] <= 8<<20 {
		t.Errorf("a scan never held more than %d bytes: the test says nothing", most["samples"])
	}
	p := &purse{limit: 100}
	sel.Memory = p
	if _, err := collectSamples(d.Store, sel); !errors.Is(err, errPurse) || p.used != 0 {
		t.Errorf("%v, %d bytes have leaked", err, p.used)
	}
	if _, err := d.Summaries(t.Context(), sel); !errors.Is(err, errPurse) || p.used != 0 {
		t.Errorf("%v, %d bytes have leaked", err, p.used)
	}
}

func TestAScanThatIsClosedEarlyHoldsNothing(t *testing.T) {
	d := newDatabase(t)
	d.open(t)
	series := d.create(t, "a", columnar.Double, columnar.Grid{Period: 1000, BlockLen: 1024})
	d.append(t, scattered(series, 0, 300_000))
	p := &purse{limit: 1 << 30}
	sel := columnar.Selection{
		Series: []columnar.Series{series}, Ranges: [][]columnar.Range{always}, Qualities: columnar.AnyQuality, Columns: allColumns,
		Bins: []columnar.Bins{width(10_000)}, Stats: columnar.AllStats, Memory: p,
	}
	for name, open := range map[string]func(context.Context, columnar.Selection) (columnar.Stream, error){"samples": d.Samples, "summaries": d.Summaries} {
		for batches := range 3 {
			s, err := open(t.Context(), sel)
			if err != nil {
				t.Fatal(err)
			}
			for range batches {
				b, err := s.Next(t.Context())
				if err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				if err == nil {
					b.Release()
				}
			}
			if err := s.Close(); err != nil || p.used != 0 {
				t.Errorf("%s: after %d batches %d bytes have leaked, %v", name, batches, p.used, err)
			}
		}
	}
}
