// Package render writes the rows of a stream: as a table for people, or as CSV, JSON,
// lines of JSON, Parquet or an Arrow file for programs.
//
// The forms for programs hold values exactly: numbers are the shortest decimals that
// read back as the same bits, instants carry their offset.
package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/columnar/zone"
)

// Format is a form in which rows are written.
type Format string

// The formats.
const (
	Table   Format = "table"   // aligned columns, for people
	CSV     Format = "csv"     // RFC 4180 with a header; NULL is an empty field
	JSON    Format = "json"    // one array of objects
	Lines   Format = "jsonl"   // an object per line
	Parquet Format = "parquet" // compressed by zstd
	Arrow   Format = "arrow"   // IPC file format
)

// Formats are all formats, as a flag's help lists them.
var Formats = []Format{Table, CSV, JSON, Lines, Parquet, Arrow}

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, f := range Formats {
		if strings.EqualFold(name, string(f)) {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown format %q: use one of %s", name, strings.Join(names, ", "))
}

// Binary reports whether the format is not for a terminal.
func (f Format) Binary() bool { return f == Parquet || f == Arrow }

// Options say how rows are written.
type Options struct {
	Format  Format
	Zone    *zone.Zone // of instants in tables, CSV and JSON; nil: UTC
	MaxRows int        // rows of a table at most; 0: all
	Width   int        // characters of a table's line at most, by shortening texts; 0: any
}

// Shown says what was written.
type Shown struct {
	Rows int64
	More bool // a table ended at MaxRows, and there was more
}

// sink takes the batches of one stream.
type sink interface {
	// write writes a batch, which stays the caller's.
	write(batch arrow.RecordBatch) error
	// close writes what comes after the last batch.
	close() error
}

// Write drains a stream into w. It does not close the stream.
func Write(ctx context.Context, w io.Writer, rows columnar.Stream, o Options) (Shown, error) {
	var shown Shown
	out, err := newSink(w, rows.Schema(), o)
	if err != nil {
		return shown, err
	}
	for {
		batch, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return shown, out.close()
		}
		if err != nil {
			return shown, errors.Join(err, closeAfter(out, o.Format, shown.Rows))
		}
		n := batch.NumRows()
		if o.Format == Table && o.MaxRows > 0 && shown.Rows+n > int64(o.MaxRows) {
			n, shown.More = int64(o.MaxRows)-shown.Rows, true
		}
		part := batch.NewSlice(0, n)
		err = out.write(part)
		part.Release()
		batch.Release()
		shown.Rows += n
		if err != nil {
			return shown, errors.Join(err, closeAfter(out, o.Format, shown.Rows))
		}
		if shown.More {
			return shown, out.close()
		}
	}
}

// closeAfter closes a sink after an error. The rows that were before the error are
// shown, but no half-written file is made to look whole, and no table without rows is
// shown.
func closeAfter(s sink, f Format, rows int64) error {
	if f == CSV || f == Lines || f == Table && rows > 0 {
		return s.close()
	}
	return nil
}

func newSink(w io.Writer, schema *arrow.Schema, o Options) (sink, error) {
	switch o.Format {
	case CSV:
		return newCSV(w, schema, o.Zone)
	case JSON, Lines:
		return newJSON(w, schema, o), nil
	case Parquet:
		return newParquet(w, schema)
	case Arrow:
		return newArrow(w, schema)
	default:
		return newTable(w, schema, o), nil
	}
}
