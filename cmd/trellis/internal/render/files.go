package render

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// unowned hides that a writer can be closed from libraries that close what they write
// to.
type unowned struct{ io.Writer }

// parquetFile writes rows as a Parquet file. The Arrow schema goes with it, so that
// time zones come back. Intervals, which Parquet has not, are written as text.
type parquetFile struct {
	w      *pqarrow.FileWriter
	schema *arrow.Schema
}

func newParquet(w io.Writer, schema *arrow.Schema) (*parquetFile, error) {
	fields := schema.Fields() // a copy
	for i := range fields {
		if fields[i].Type.ID() == arrow.INTERVAL_MONTH_DAY_NANO {
			fields[i].Type = arrow.BinaryTypes.String
		}
	}
	metadata := schema.Metadata()
	schema = arrow.NewSchema(fields, &metadata)
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
	file, err := pqarrow.NewFileWriter(schema, unowned{w}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, err
	}
	return &parquetFile{file, schema}, nil
}

func (p *parquetFile) write(batch arrow.RecordBatch) error {
	cols := make([]arrow.Array, batch.NumCols())
	for k, col := range batch.Columns() {
		if intervals, ok := col.(*array.MonthDayNanoInterval); ok {
			text := texts(intervals)
			defer text.Release()
			col = text
		}
		cols[k] = col
	}
	out := array.NewRecordBatch(p.schema, cols, batch.NumRows())
	defer out.Release()
	return p.w.WriteBuffered(out)
}

func (p *parquetFile) close() error { return p.w.Close() }

// texts returns intervals as text.
func texts(a *array.MonthDayNanoInterval) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range a.Len() {
		if a.IsNull(i) {
			b.AppendNull()
			continue
		}
		b.Append(cell(a, i, nil))
	}
	return b.NewArray()
}

// arrowFile writes rows as an Arrow file.
type arrowFile struct{ w *ipc.FileWriter }

func newArrow(w io.Writer, schema *arrow.Schema) (*arrowFile, error) {
	file, err := ipc.NewFileWriter(unowned{w}, ipc.WithSchema(schema))
	if err != nil {
		return nil, err
	}
	return &arrowFile{file}, nil
}

func (a *arrowFile) write(batch arrow.RecordBatch) error { return a.w.Write(batch) }
func (a *arrowFile) close() error                        { return a.w.Close() }
