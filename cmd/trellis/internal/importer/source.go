package importer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// chunkRows and chunkBytes are how much of a file is held at a time.
const (
	chunkRows  = 8192
	chunkBytes = 8 << 20
)

// chunk is some rows of a file, column by column. Columns that nobody asked for are
// empty.
type chunk struct {
	rows int
	cols []column
	line func(row int) int64 // of the file, from 1; of a Parquet file, the row
}

// column is the values of a column: texts as they stand in the file, or values of a
// type. The functions that a column does not have are nil.
type column struct {
	texts   []string
	null    func(row int) bool // nil: only what is written as such
	float   func(row int) float64
	integer func(row int) int64
	boolean func(row int) bool
	stamp   func(row int) stamp
}

// empty reports whether there is nothing at all in a row.
func (c *column) empty(row int) bool {
	if c.null != nil && c.null(row) {
		return true
	}
	return c.texts != nil && c.texts[row] == ""
}

// rowFault is a row that could not be read.
type rowFault struct {
	line   int64
	reason string
}

// source yields the rows of one file.
type source interface {
	// columns returns the names of the columns, in order.
	columns() []string
	// want says which columns are asked for.
	want(columns []bool)
	// next returns the next rows and those that cannot be read; io.EOF after the
	// last. Another error says that the rest of the file cannot be read. The chunk is
	// good until the next call.
	next() (*chunk, []rowFault, error)
	// timeColumn returns the column that the file itself says holds time, or -1.
	timeColumn() int
	// units returns the units of the columns; nil: the file has none.
	units() []string
	close() error
}

// The formats of files.
const (
	formatCSV     = "csv"
	formatTSV     = "tsv"
	formatParquet = "parquet"
	formatJSON    = "json"
)

var (
	magicGzip    = []byte{0x1f, 0x8b}
	magicZstd    = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicBzip2   = []byte("BZh")
	magicXZ      = []byte{0xfd, '7', 'z', 'X'}
	magicZip     = []byte("PK\x03\x04")
	magicParquet = []byte("PAR1")
)

// open opens a file, "-" for standard input or what was spooled of it; progress is advanced by the bytes that
// are read.
func open(name, spooled string, o *Options, progress *atomic.Int64) (source, error) {
	path := name
	switch {
	case name == "-" && spooled != "":
		path = spooled
	case name == "-":
		return openText(name, io.NopCloser(os.Stdin), o, progress)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory: name the files in it, such as %s", name, filepath.Join(name, "*.csv"))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	head := make([]byte, 4)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	if n == 0 && info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is empty", name), f.Close())
	}
	if bytes.Equal(head, magicParquet) || o.Format == formatParquet {
		s, err := openParquet(f, info.Size(), progress)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
		return s, nil
	}
	if bytes.Equal(head, magicZip) {
		s, err := openZip(name, f, info.Size(), o, progress)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
		}
		return s, nil
	}
	return openText(name, f, o, progress)
}

// counting counts what is read.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// openText opens CSV or TSV, compressed or not.
func openText(name string, f io.ReadCloser, o *Options, progress *atomic.Int64) (source, error) {
	in := bufio.NewReaderSize(counting{f, progress}, 256<<10)
	text, err := decompress(in)
	if err == nil {
		var s source
		if s, err = newText(name, text, f, o); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
}

// newText reads JSON lines, or CSV.
func newText(name string, text *bufio.Reader, f io.Closer, o *Options) (source, error) {
	head, err := text.Peek(256)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, cutOff(err)
	}
	if o.Format == formatJSON || o.Format == "" && isJSON(head) {
		return newJSON(bufio.NewReaderSize(text, maxRecord), f)
	}
	return newCSV(name, text, f, o)
}

// decompress returns what a stream holds, by its first bytes.
func decompress(in *bufio.Reader) (*bufio.Reader, error) {
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var inner io.Reader
	switch {
	case bytes.HasPrefix(head, magicGzip):
		inner, err = gzip.NewReader(in)
	case bytes.HasPrefix(head, magicZstd):
		inner, err = zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderConcurrency(1))
	case bytes.HasPrefix(head, magicBzip2):
		inner = bzip2.NewReader(in)
	case bytes.HasPrefix(head, magicXZ):
		return nil, errors.New("it is compressed by xz: unpack it before, as with xz -dk")
	default:
		return in, nil
	}
	if err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(inner, 256<<10), nil
}

// isTSV reports whether a name says that its fields are separated by tabs.
func isTSV(name string) bool {
	name = strings.ToLower(name)
	for _, end := range []string{".gz", ".zst", ".bz2"} {
		name = strings.TrimSuffix(name, end)
	}
	return strings.HasSuffix(name, ".tsv") || strings.HasSuffix(name, ".tab")
}
