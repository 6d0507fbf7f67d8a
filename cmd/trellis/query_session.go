package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"github.com/trellisdb/trellis/cmd/trellis/internal/client"
	"github.com/trellisdb/trellis/cmd/trellis/internal/render"
	"github.com/trellisdb/trellis/columnar/zone"
)

// querySession runs statements and shows what they come to.
type querySession struct {
	conn    client.Conn
	out     io.Writer
	options render.Options
	params  arrow.RecordBatch // nil: none
	timing  bool
	clock   func() int64
	shown   int // answers in a format that can hold only one
}

// nullParam is how a parameter says NULL, as in COPY.
const nullParam = `\N`

// paramBatch returns the values of parameters as a batch of one row; nil for none.
func paramBatch(values []string) (arrow.RecordBatch, error) {
	if len(values) == 0 {
		return nil, nil
	}
	fields := make([]arrow.Field, len(values))
	cols := make([]arrow.Array, len(values))
	for i, v := range values {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		if v == nullParam {
			b.AppendNull()
		} else {
			b.Append(v)
		}
		fields[i] = arrow.Field{Name: fmt.Sprintf("$%d", i+1), Type: arrow.BinaryTypes.String, Nullable: true}
		cols[i] = b.NewArray()
		b.Release()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, 1), nil
}

// width bounds tables by the terminal's width.
func (s *querySession) width() {
	s.options.Width = 0
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && s.out == os.Stdout {
		s.options.Width = width
	}
}

// setZone sets the session's time zone, if one is named.
func (s *querySession) setZone(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	z, err := zone.Load(name)
	if err != nil {
		return fmt.Errorf("--timezone: %w", err)
	}
	s.options.Zone = z
	result, err := s.conn.Run(ctx, "SET timezone = '"+z.Name()+"'", nil)
	if err == nil && result.Rows != nil {
		err = result.Rows.Close()
	}
	return err
}

// run runs one statement.
func (s *querySession) run(ctx context.Context, text string) (err error) {
	began := s.clock()
	result, err := s.conn.Run(ctx, text, s.params)
	if err != nil {
		return err
	}
	if result.Rows == nil {
		return s.changed(ctx, text, result.Changed, s.clock()-began)
	}
	defer func() { err = errors.Join(err, result.Rows.Close()) }()
	if f := s.options.Format; f == render.Parquet || f == render.Arrow || f == render.JSON {
		if s.shown++; s.shown > 1 {
			return fmt.Errorf("a %s file holds the answer of one statement: run them one by one, or use another format", f)
		}
	}
	shown, err := render.Write(ctx, s.out, result.Rows, s.options)
	if err != nil || s.options.Format != render.Table {
		return err
	}
	_, err = fmt.Fprintln(s.out, s.footer(shown, s.clock()-began))
	return err
}

// changed says what a statement without rows has done.
func (s *querySession) changed(ctx context.Context, text string, n, micros int64) error {
	word := strings.ToUpper(strings.SplitN(strings.TrimSpace(text), " ", 2)[0])
	if word == "SET" || word == "RESET" {
		s.followZone(ctx)
	}
	if s.options.Format != render.Table {
		return nil
	}
	line := word
	if n > 0 || word == "INSERT" || word == "UPDATE" || word == "DELETE" {
		line = fmt.Sprintf("%s %d", word, n)
	}
	_, err := fmt.Fprintln(s.out, line+s.took(micros))
	return err
}

// followZone shows instants in the session's zone, after it may have been changed. What
// goes wrong shows at the next statement.
func (s *querySession) followZone(ctx context.Context) {
	result, err := s.conn.Run(ctx, "SHOW timezone", nil)
	if err != nil || result.Rows == nil {
		return
	}
	defer func() { _ = result.Rows.Close() }()
	batch, err := result.Rows.Next(ctx)
	if err != nil || batch.NumRows() == 0 {
		return
	}
	defer batch.Release()
	if z, err := zone.Load(batch.Column(0).ValueStr(0)); err == nil {
		s.options.Zone = z
	}
}

// footer returns the line below a table.
func (s *querySession) footer(shown render.Shown, micros int64) string {
	line := "(1 row)"
	switch {
	case shown.More:
		line = fmt.Sprintf("(the first %s rows; --max-rows 0 shows all)", humanize.Comma(shown.Rows))
	case shown.Rows != 1:
		line = fmt.Sprintf("(%s rows)", humanize.Comma(shown.Rows))
	}
	return line + s.took(micros)
}

// took says how long something took, if that is wanted.
func (s *querySession) took(micros int64) string {
	if !s.timing {
		return ""
	}
	d := time.Duration(micros) * time.Microsecond
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("  %.2f ms", float64(micros)/1e3)
	case d < time.Second:
		return fmt.Sprintf("  %d ms", d.Milliseconds())
	}
	return fmt.Sprintf("  %.2f s", d.Seconds())
}
