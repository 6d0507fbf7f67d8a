package render

import (
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// unowned hides that a writer can be closed from libraries that close what they write
// to.
type unowned struct{ io.Writer }

// parquetFile writes rows as a Parquet file. The Arrow schema goes with it, so that
// time zones come back.
type parquetFile struct{ w *pqarrow.FileWriter }

func newParquet(w io.Writer, schema *arrow.Schema) (*parquetFile, error) {
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
	file, err := pqarrow.NewFileWriter(schema, unowned{w}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return nil, err
	}
	return &parquetFile{file}, nil
}

func (p *parquetFile) write(batch arrow.RecordBatch) error { return p.w.WriteBuffered(batch) }
func (p *parquetFile) close() error                        { return p.w.Close() }

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
