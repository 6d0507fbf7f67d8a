package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/dustin/go-humanize"

	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
)

// Options say what is shown, and where. Out and Clock are needed.
type Options struct {
	Dir      string  // data directory; empty: one of its own, removed at the end
	Listen   string  // address of the server; empty: the usual one, or any other
	Years    float64 // of the series that the formula makes
	Once     bool    // end after the last answer, instead of staying up until ctx is done
	Answers  string  // file that the questions and answers are written to, as JSON; empty: none
	Out      io.Writer
	Terminal bool // whether Out is one
	Width    int  // characters of a line of Out; 0: any
	Clock    func() time.Time
	Logger   *slog.Logger // of the server; nil: none
}

// demo is a demo that runs.
type demo struct {
	opts  Options
	years Range
	conn  client.Conn
	wrong error // the first error of Out
}

// Run runs the demo. It returns when ctx is done, or after the last answer.
func Run(ctx context.Context, opts Options) (err error) {
	if !(opts.Years > 0 && opts.Years <= MaxYears) {
		return fmt.Errorf("%v years: use more than 0, at most %d", opts.Years, MaxYears)
	}
	d := &demo{opts: opts, years: Years(opts.Years)}
	s, err := start(ctx, opts.Dir, opts.Listen, opts.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if d.conn, err = client.Connect(client.Server{Address: "grpc://" + s.address}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.conn.Close()) }()

	begin := opts.Clock()
	d.printf("A server listens on grpc://%s; its data is in %s.\n\n", s.address, s.dir)
	if err := d.load(ctx); err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	flushing := opts.Clock()
	if err := s.db.Store.Flush(ctx); err != nil {
		return err
	}
	d.printf("  what was still in memory put into segments, as a server does by itself after some minutes, in %s\n", d.took(flushing))
	answers, err := d.ask(ctx)
	if err != nil {
		return err
	}
	d.printf("\nAll of this took %s.\n", d.took(begin))
	if opts.Answers != "" {
		if err := d.writeAnswers(opts.Answers, answers); err != nil {
			return err
		}
	}
	if opts.Once || d.wrong != nil {
		return d.wrong
	}
	d.printf("%s", guide(s.address))
	<-ctx.Done()
	d.printf("\n")
	return nil
}

// MaxYears is the most that the formula is good for: it begins after 1970.
const MaxYears = 50

// printf writes to Out. The first error is kept.
func (d *demo) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(d.opts.Out, format, args...); err != nil && d.wrong == nil {
		d.wrong = err
	}
}

// took returns the time since an instant, with three digits.
func (d *demo) took(begin time.Time) string { return short(d.opts.Clock().Sub(begin)) }

// short returns a duration with about three digits.
func short(t time.Duration) string {
	switch {
	case t < time.Millisecond:
		return fmt.Sprintf("%.2f ms", t.Seconds()*1e3)
	case t < time.Second:
		return fmt.Sprintf("%.3g ms", t.Seconds()*1e3)
	}
	return humanize.FtoaWithDigits(t.Seconds(), 1) + " s"
}

// run runs a statement that yields no rows.
func (d *demo) run(ctx context.Context, statement string) error {
	result, err := d.conn.Run(ctx, statement, nil)
	if err == nil && result.Rows != nil {
		err = result.Rows.Close()
	}
	return err
}

// fetch returns the rows of a statement and how long they took to arrive.
func (d *demo) fetch(ctx context.Context, statement string) (held *held, took time.Duration, err error) {
	begin := d.opts.Clock()
	result, err := d.conn.Run(ctx, statement, nil)
	if err != nil {
		return nil, 0, err
	}
	if result.Rows == nil {
		return nil, 0, fmt.Errorf("statement without rows: %s", statement)
	}
	defer func() { err = errors.Join(err, result.Rows.Close()) }()
	held, err = hold(ctx, result.Rows)
	return held, d.opts.Clock().Sub(begin), err
}

// rows returns the rows of a statement as texts.
func (d *demo) rows(ctx context.Context, statement string) ([][]string, error) {
	held, _, err := d.fetch(ctx, statement)
	if err != nil {
		return nil, err
	}
	var out [][]string
	for _, b := range held.batches {
		out = append(out, texts(b)...)
	}
	return out, nil
}

// texts returns the rows of a batch as texts.
func texts(b arrow.RecordBatch) [][]string {
	out := make([][]string, b.NumRows())
	for i := range out {
		for _, c := range b.Columns() {
			out[i] = append(out[i], c.ValueStr(i))
		}
	}
	return out
}
