package importer

import (
	"errors"
	"io"
	"slices"
	"strings"
)

// rowReader reads the rows of a table that is no CSV: fields by the names, and the line.
type rowReader interface {
	// row returns the fields of the next row, and its line; io.EOF after the last.
	row() ([]string, int64, error)
	close() error
}

// rowFile is a source of rows that are read one by one.
type rowFile struct {
	in     rowReader
	names  []string
	unit   []string // of the columns; nil: none are given
	wanted []bool
	cols   []column
	lines  []int64
	done   bool
}

func newRowFile(in rowReader, names []string) *rowFile {
	return &rowFile{in: in, names: names, wanted: make([]bool, len(names)), cols: make([]column, len(names))}
}

func (f *rowFile) columns() []string { return f.names }
func (f *rowFile) units() []string   { return f.unit }
func (f *rowFile) want(w []bool)     { f.wanted = slices.Clone(w) }
func (f *rowFile) timeColumn() int   { return -1 }
func (f *rowFile) close() error      { return f.in.close() }

// next reads rows; a field that a row does not have is empty.
func (f *rowFile) next() (*chunk, []rowFault, error) {
	if f.done {
		return nil, nil, io.EOF
	}
	for i := range f.cols {
		f.cols[i].texts = f.cols[i].texts[:0]
	}
	f.lines = f.lines[:0]
	var faults []rowFault
	var failed error
	for bytes := 0; len(f.lines) < chunkRows && len(faults) < chunkRows && bytes < chunkBytes; {
		row, line, err := f.in.row()
		var fault *rowError
		if errors.As(err, &fault) {
			faults = append(faults, rowFault{line, fault.reason})
			continue
		}
		if err != nil {
			if f.done = true; !errors.Is(err, io.EOF) {
				failed = cutOff(err)
			}
			break
		}
		f.lines = append(f.lines, line)
		for i := range f.cols {
			if !f.wanted[i] {
				continue
			}
			text := ""
			if i < len(row) {
				text = strings.TrimSpace(row[i])
			}
			bytes += len(text)
			f.cols[i].texts = append(f.cols[i].texts, text)
		}
	}
	if len(f.lines) == 0 && len(faults) == 0 && failed == nil {
		return nil, nil, io.EOF
	}
	lines := f.lines
	return &chunk{rows: len(lines), cols: f.cols, line: func(row int) int64 { return lines[row] }}, faults, failed
}

// rowError is a row that cannot be read; those after it can.
type rowError struct{ reason string }

func (e *rowError) Error() string { return e.reason }
