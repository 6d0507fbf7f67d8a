package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// parquetFile reads a Parquet file, flat columns only.
type parquetFile struct {
	file     *os.File
	size     int64
	total    int64 // rows
	progress *atomic.Int64
	told     int64 // bytes that progress was advanced by

	reader *pqarrow.FileReader
	schema *arrow.Schema
	wanted []bool
	rows   pqarrow.RecordReader
	batch  arrow.RecordBatch
	place  []int // of each column in a batch; -1: not read
	row    int64 // rows read so far
}

func openParquet(f *os.File, size int64, progress *atomic.Int64) (p *parquetFile, err error) {
	defer recovered(&err)
	raw, err := file.NewParquetReader(f)
	if err != nil {
		return nil, fmt.Errorf("this is no Parquet file that can be read: %w", err)
	}
	reader, err := pqarrow.NewFileReader(raw, pqarrow.ArrowReadProperties{BatchSize: chunkRows}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	schema, err := reader.Schema()
	if err != nil {
		return nil, err
	}
	return &parquetFile{
		file: f, size: size, total: raw.NumRows(), progress: progress, reader: reader, schema: schema,
		wanted: make([]bool, schema.NumFields()),
	}, nil
}

func (p *parquetFile) columns() []string {
	names := make([]string, p.schema.NumFields())
	for i, f := range p.schema.Fields() {
		names[i] = f.Name
	}
	return names
}

func (p *parquetFile) want(w []bool) { p.wanted = w }

func (p *parquetFile) units() []string { return nil }

// timeColumn returns the only column of time stamps, where there is one.
func (p *parquetFile) timeColumn() int {
	found := -1
	for i, f := range p.schema.Fields() {
		if f.Type.ID() == arrow.TIMESTAMP {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

func (p *parquetFile) close() error {
	if p.batch != nil {
		p.batch.Release()
	}
	if p.rows != nil {
		p.rows.Release()
	}
	return p.file.Close()
}

// start begins to read the columns that are wanted.
func (p *parquetFile) start() (err error) {
	p.place = make([]int, len(p.wanted))
	var leaves []int
	for i, field := range p.reader.Manifest.Fields {
		if p.place[i] = -1; !p.wanted[i] {
			continue
		}
		if field.ColIndex < 0 {
			return fmt.Errorf("column %q is nested: flatten it before", p.schema.Field(i).Name)
		}
		p.place[i] = len(leaves)
		leaves = append(leaves, field.ColIndex)
	}
	p.rows, err = p.reader.GetRecordReader(context.Background(), leaves, nil)
	return err
}

// recovered turns a panic of the library, which damaged files cause, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("this is no Parquet file that can be read: %v", p)
	}
}

// next reads rows.
func (p *parquetFile) next() (c *chunk, faults []rowFault, err error) {
	defer recovered(&err)
	if p.rows == nil {
		if err := p.start(); err != nil {
			return nil, nil, err
		}
	}
	if p.batch != nil {
		p.batch.Release()
		p.batch = nil
	}
	batch, err := p.rows.Read()
	if errors.Is(err, io.EOF) || err == nil && batch == nil {
		return nil, nil, io.EOF
	}
	if err != nil {
		return nil, nil, fmt.Errorf("after row %d: %w", p.row, err)
	}
	batch.Retain()
	p.batch = batch
	first := p.row + 1
	p.row += batch.NumRows()
	if p.total > 0 {
		read := int64(float64(p.size) * float64(p.row) / float64(p.total))
		p.progress.Add(read - p.told)
		p.told = read
	}
	c = &chunk{rows: int(batch.NumRows()), cols: make([]column, len(p.place)), line: func(row int) int64 { return first + int64(row) }}
	for i, at := range p.place {
		if at < 0 {
			continue
		}
		if c.cols[i], err = typed(batch.Column(at)); err != nil {
			return nil, nil, fmt.Errorf("column %q: %w", p.schema.Field(i).Name, err)
		}
	}
	return c, nil, nil
}

// wholes are the values of a column of integers.
func wholes[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](c column, vals []T) column {
	c.float = func(row int) float64 { return float64(vals[row]) }
	c.integer = func(row int) int64 { return int64(vals[row]) }
	return c
}

// typed returns an array as a column.
func typed(a arrow.Array) (column, error) {
	c := column{null: a.IsNull}
	switch a := a.(type) {
	case *array.Float64:
		c.float = a.Value
	case *array.Float32:
		c.float = func(row int) float64 { return float64(a.Value(row)) }
	case *array.Int8:
		return wholes(c, a.Int8Values()), nil
	case *array.Int16:
		return wholes(c, a.Int16Values()), nil
	case *array.Int32:
		return wholes(c, a.Int32Values()), nil
	case *array.Int64:
		return wholes(c, a.Int64Values()), nil
	case *array.Uint8:
		return wholes(c, a.Uint8Values()), nil
	case *array.Uint16:
		return wholes(c, a.Uint16Values()), nil
	case *array.Uint32:
		return wholes(c, a.Uint32Values()), nil
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		c.float = func(row int) float64 { return a.Value(row).ToFloat64(scale) }
	case *array.Boolean:
		c.boolean = a.Value
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		zoned := t.TimeZone != ""
		c.stamp = func(row int) stamp { return stamp{a.Value(row).ToTime(t.Unit).UnixMicro(), zoned} }
	case *array.Date32:
		c.stamp = func(row int) stamp { return stamp{int64(a.Value(row)) * 24 * 3600 * 1_000_000, false} }
	case *array.Date64:
		c.stamp = func(row int) stamp { return stamp{int64(a.Value(row)) * 1000, false} }
	case *array.String, *array.LargeString, *array.StringView, *array.Dictionary, *array.Binary:
		return textual(c, a)
	default:
		return c, fmt.Errorf("values of type %s cannot be imported", a.DataType())
	}
	return c, nil
}

// textual returns texts, or a dictionary of any type, as a column.
func textual(c column, a arrow.Array) (column, error) {
	var at func(row int) string
	switch a := a.(type) {
	case *array.String:
		at = a.Value
	case *array.LargeString:
		at = a.Value
	case *array.StringView:
		at = a.Value
	case *array.Binary:
		at = a.ValueString
	case *array.Dictionary:
		inner, err := typed(a.Dictionary())
		if err != nil {
			return c, err
		}
		if inner.texts == nil {
			return redirected(a, inner), nil
		}
		at = func(row int) string { return inner.texts[a.GetValueIndex(row)] }
	}
	c.texts = make([]string, a.Len())
	for row := range c.texts {
		if !a.IsNull(row) {
			c.texts[row] = strings.TrimSpace(at(row))
		}
	}
	return c, nil
}

// redirected returns a dictionary of values that are no texts as a column.
func redirected(a *array.Dictionary, inner column) column {
	c := column{null: func(row int) bool { return a.IsNull(row) || inner.null(a.GetValueIndex(row)) }}
	if f := inner.float; f != nil {
		c.float = func(row int) float64 { return f(a.GetValueIndex(row)) }
	}
	if f := inner.integer; f != nil {
		c.integer = func(row int) int64 { return f(a.GetValueIndex(row)) }
	}
	if f := inner.boolean; f != nil {
		c.boolean = func(row int) bool { return f(a.GetValueIndex(row)) }
	}
	if f := inner.stamp; f != nil {
		c.stamp = func(row int) stamp { return f(a.GetValueIndex(row)) }
	}
	return c
}
