package importer

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/xuri/excelize/v2"
)

// maxUnzipped is how large the parts of a workbook may be (P3).
const maxUnzipped = 4 << 30

// xlsxRows reads a sheet of a workbook. Dates are its serial numbers.
type xlsxRows struct {
	file *excelize.File
	rows *excelize.Rows
	line int64
}

// openZip opens a workbook, or the only file in an archive.
func openZip(name string, f *os.File, size int64, o *Options, progress *atomic.Int64) (source, error) {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return nil, fmt.Errorf("this is no archive that can be read: %w", err)
	}
	var inside []*zip.File
	for _, x := range archive.File {
		if x.Name == "xl/workbook.xml" {
			progress.Add(size)
			return openXLSX(f, o)
		}
		if !x.FileInfo().IsDir() && !strings.HasPrefix(x.Name, "__MACOSX/") {
			inside = append(inside, x)
		}
	}
	if len(inside) != 1 {
		return nil, fmt.Errorf("the archive has %d files: unpack it, and name those that are meant", len(inside))
	}
	data, err := inside[0].Open()
	if err != nil {
		return nil, err
	}
	progress.Add(size)
	return newText(inside[0].Name, bufio.NewReaderSize(data, 256<<10), closers{data, f}, o)
}

// closers are closed together.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, x := range c {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

func openXLSX(f *os.File, o *Options) (_ source, err error) {
	book, err := excelize.OpenReader(f, excelize.Options{RawCellValue: true, UnzipSizeLimit: maxUnzipped})
	if err != nil {
		return nil, fmt.Errorf("this is no workbook that can be read: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, book.Close())
		}
	}()
	sheets := book.GetSheetList()
	sheet := o.Text.Sheet
	if sheet == "" && len(sheets) > 0 {
		sheet = sheets[0]
	}
	rows, err := book.Rows(sheet)
	if err != nil {
		return nil, fmt.Errorf("%w: the sheets are %s (--sheet)", err, list(sheets))
	}
	x := &xlsxRows{file: book, rows: rows}
	for range o.Text.Skip {
		if _, _, err := x.row(); err != nil {
			return nil, fmt.Errorf("sheet %s has fewer than %d rows (--skip)", sheet, o.Text.Skip+1)
		}
	}
	names, _, err := x.row()
	for err == nil && strings.Join(names, "") == "" {
		names, _, err = x.row() // rows that are empty before the header
	}
	if err != nil {
		return nil, fmt.Errorf("sheet %s is empty; the sheets are %s (--sheet)", sheet, list(sheets))
	}
	for i := range names {
		names[i] = strings.Join(strings.Fields(names[i]), " ")
		if o.Text.NoHeader {
			names[i] = "c" + strconv.Itoa(i+1)
		}
	}
	if o.Text.NoHeader {
		return nil, errors.New("--header=false is for text files: write a first row of names into the sheet")
	}
	out := newRowFile(x, names)
	if o.Text.UnitsRow {
		if out.unit, _, err = x.row(); err != nil {
			return nil, fmt.Errorf("sheet %s has no row of units", sheet)
		}
	}
	for range o.Text.SkipBelow {
		if _, _, err := x.row(); err != nil {
			return nil, fmt.Errorf("sheet %s has fewer rows below the header (--skip-below)", sheet)
		}
	}
	return out, nil
}

func (x *xlsxRows) row() ([]string, int64, error) {
	if !x.rows.Next() {
		if err := x.rows.Error(); err != nil {
			return nil, x.line, err
		}
		return nil, x.line, io.EOF
	}
	x.line++
	cells, err := x.rows.Columns()
	return cells, x.line, err
}

func (x *xlsxRows) close() error { return errors.Join(x.rows.Close(), x.file.Close()) }
