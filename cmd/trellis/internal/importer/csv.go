package importer

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxRecord is the longest row of a text file, in bytes (P3).
const maxRecord = 1 << 20

// csvFile reads CSV.
type csvFile struct {
	file   io.Closer
	csv    *csv.Reader
	guard  *guard
	names  []string
	unit   []string // of the columns; nil: none are given
	wanted []bool
	before int64 // lines passed over before the reader's first
	first  []string
	line0  int64

	cols  []column
	lines []int64
	done  bool
}

// guard ends a row that is too long: it counts what is read since the last row.
type guard struct {
	in    io.Reader
	taken int64
	limit int64
}

var errLongRow = fmt.Errorf("a row is longer than %d bytes: is this a table (--delimiter), and is every quote closed?", maxRecord)

// Read reads, but no further than the limit.
func (g *guard) Read(p []byte) (int, error) {
	if g.taken >= g.limit {
		return 0, errLongRow
	}
	n, err := g.in.Read(p[:min(int64(len(p)), g.limit-g.taken)])
	g.taken += int64(n)
	return n, err
}

// newCSV looks at the beginning of a text and reads its header.
func newCSV(name string, in *bufio.Reader, file io.Closer, o *Options) (*csvFile, error) {
	f := &csvFile{file: file}
	in, err := decode(in, o.Text.Encoding)
	if err != nil {
		return nil, err
	}
	if err := f.skip(in, o.Text.Skip); err != nil {
		return nil, err
	}
	delimiter := o.Text.Delimiter
	if delimiter == 0 && (o.Format == formatTSV || isTSV(name)) {
		delimiter = '\t'
	}
	if in, err = f.preamble(in, o.Text.Comment, &delimiter); err != nil {
		return nil, err
	}
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, cutOff(err)
	}
	if delimiter == 0 {
		delimiter = detectDelimiter(head)
	}
	f.guard = &guard{in: in, limit: 2 * maxRecord}
	if delimiter == signBlanks {
		f.guard.in, delimiter = &blanks{in: bufio.NewReaderSize(in, maxRecord)}, '\t'
	}
	f.csv = csv.NewReader(f.guard)
	f.csv.Comma = delimiter
	f.csv.Comment = o.Text.Comment
	f.csv.FieldsPerRecord = -1
	f.csv.ReuseRecord = true
	f.csv.LazyQuotes = delimiter == '\t'
	if err := f.readHeader(o.Text.NoHeader); err != nil {
		return f, err
	}
	return f, f.belowHeader(o)
}

// belowHeader reads the row of units, and passes over what else stands between the
// header and the rows.
func (f *csvFile) belowHeader(o *Options) error {
	if o.Text.UnitsRow {
		row, err := f.csv.Read()
		if err != nil {
			return fmt.Errorf("there is no row of units below the header (--units-row): %w", err)
		}
		for _, text := range row {
			f.unit = append(f.unit, strings.Clone(strings.TrimSpace(text)))
		}
	}
	for range o.Text.SkipBelow {
		if _, err := f.csv.Read(); err != nil {
			return fmt.Errorf("there are fewer rows below the header (--skip-below): %w", err)
		}
	}
	return nil
}

// signBlanks stands for runs of blanks between fields.
const signBlanks = ' '

// skip passes over lines before the header.
func (f *csvFile) skip(in *bufio.Reader, lines int) error {
	for range lines {
		for {
			_, err := in.ReadSlice('\n')
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("the file has fewer than %d lines (--skip)", lines+1)
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
		f.before++
	}
	return nil
}

// detectDelimiter returns the sign that separates fields: the one that most of the
// first lines have equally often, a semicolon or a tab before a comma, for a comma may
// be a decimal sign.
func detectDelimiter(head []byte) rune {
	lines := strings.Split(string(head), "\n")
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // the last may be cut off
	}
	if len(lines) > 20 {
		lines = lines[:20]
	}
	best, most := ',', 0
	for _, sign := range []rune{'\t', ';', '|', ','} {
		fields, same := unquoted(lines[0], sign), 0
		for _, line := range lines {
			if fields > 0 && unquoted(line, sign) == fields {
				same++
			}
		}
		if same > most {
			best, most = sign, same
		}
	}
	if most == 0 && len(lines) > 2 && inBlanks(lines) {
		return signBlanks
	}
	return best
}

// inBlanks reports whether all lines have as many fields between blanks.
func inBlanks(lines []string) bool {
	n := len(strings.Fields(lines[0]))
	for _, line := range lines {
		if len(strings.Fields(line)) != n {
			return false
		}
	}
	return n > 1
}

// unquoted counts a sign outside of quotes.
func unquoted(line string, sign rune) (n int) {
	quoted := false
	for _, c := range line {
		switch c {
		case '"':
			quoted = !quoted
		case sign:
			if !quoted {
				n++
			}
		}
	}
	return n
}

// readHeader reads the first row: the names of the columns, or, where there is no
// header, a row that is kept for later.
func (f *csvFile) readHeader(none bool) error {
	row, err := f.csv.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return f.explain(err)
	}
	f.names = make([]string, len(row))
	for i, name := range row {
		name = strings.Join(strings.Fields(name), " ")
		if none {
			name = "c" + strconv.Itoa(i+1)
		}
		if !utf8.ValidString(name) {
			return fmt.Errorf("the name of column %d is not UTF-8: say --encoding windows-1252, or what it is", i+1)
		}
		f.names[i] = strings.Clone(name)
	}
	if none {
		f.first = append([]string(nil), row...)
		line, _ := f.csv.FieldPos(0)
		f.line0 = int64(line)
	}
	f.cols = make([]column, len(row))
	f.wanted = make([]bool, len(row))
	return nil
}

func (f *csvFile) columns() []string { return f.names }
func (f *csvFile) units() []string   { return f.unit }
func (f *csvFile) want(w []bool)     { f.wanted = w }
func (f *csvFile) timeColumn() int   { return -1 }
func (f *csvFile) close() error      { return f.file.Close() }

// next reads rows.
func (f *csvFile) next() (*chunk, []rowFault, error) {
	if f.done {
		return nil, nil, io.EOF
	}
	for i := range f.cols {
		f.cols[i].texts = f.cols[i].texts[:0]
	}
	f.lines = f.lines[:0]
	var faults []rowFault
	if f.first != nil {
		f.add(f.first, f.line0)
		f.first = nil
	}
	var failed error
	start := f.csv.InputOffset()
	for len(f.lines) < chunkRows && len(faults) < chunkRows && f.csv.InputOffset()-start < chunkBytes {
		f.guard.limit = f.csv.InputOffset() + maxRecord + 64<<10
		row, err := f.csv.Read()
		if errors.Is(err, io.EOF) {
			f.done = true
			break
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) && !errors.Is(err, errLongRow) {
			faults = append(faults, rowFault{f.before + int64(syntax.StartLine), syntaxReason(syntax)})
			continue
		}
		if err != nil {
			f.done, failed = true, f.explain(err)
			break
		}
		line, _ := f.csv.FieldPos(0)
		if fault := f.wrongLength(row); fault != "" {
			faults = append(faults, rowFault{f.before + int64(line), fault})
			continue
		}
		f.add(row, int64(line))
	}
	if len(f.lines) == 0 && len(faults) == 0 && failed == nil {
		return nil, nil, io.EOF
	}
	lines := f.lines
	return &chunk{rows: len(lines), cols: f.cols, line: func(row int) int64 { return lines[row] }}, faults, failed
}

// syntaxReason says what is wrong with a row's quotes.
func syntaxReason(err *csv.ParseError) string {
	if err.Line > err.StartLine {
		return fmt.Sprintf("a quote is not closed; what follows it, to line %d, is lost", err.Line)
	}
	return err.Err.Error()
}

// add appends a row to the columns.
func (f *csvFile) add(row []string, line int64) {
	f.lines = append(f.lines, f.before+line)
	for i := range f.cols {
		if f.wanted[i] {
			text := ""
			if i < len(row) {
				text = strings.TrimSpace(row[i])
			}
			f.cols[i].texts = append(f.cols[i].texts, text)
		}
	}
}

// wrongLength says what is wrong with a row that has not as many fields as the header.
// Empty fields too many are forgiven.
func (f *csvFile) wrongLength(row []string) string {
	if len(row) == len(f.names) {
		return ""
	}
	if len(row) > len(f.names) && strings.Join(row[len(f.names):], "") == "" {
		return ""
	}
	if len(row) < len(f.names) && strings.Join(f.names[len(row):], "") == "" {
		return "" // the header has delimiters at its end
	}
	return fmt.Sprintf("%d fields, the header has %d", len(row), len(f.names))
}

// explain says where a file cannot be read any further.
func (f *csvFile) explain(err error) error {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		err = syntax.Err
	}
	line := int64(1)
	if len(f.lines) > 0 {
		line = f.lines[len(f.lines)-1]
	}
	return fmt.Errorf("after line %d: %w", f.before+line, cutOff(err))
}

// cutOff explains the end of a compressed file before its end.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the compressed file is cut off: fetch it again (%w)", err)
	}
	return err
}
