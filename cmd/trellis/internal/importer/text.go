package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Encodings are the names that --encoding knows, the one that is found by the file
// first.
var Encodings = []string{"auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin1", "windows-1252"}

// encodings are those that are not UTF-8. A file in "utf-16" says itself which it is.
var encodings = map[string]encoding.Encoding{
	"utf-16":       unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
	"utf-16le":     unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf-16be":     unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"latin1":       charmap.ISO8859_1,
	"windows-1252": charmap.Windows1252,
}

// headBytes is how much of a text is looked at before it is read.
const headBytes = 64 << 10

// decode returns a text as UTF-8 with lines that end in \n or \r\n.
func decode(in *bufio.Reader, name string) (*bufio.Reader, error) {
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
		return nil, cutOff(err)
	}
	if name == "" || name == "auto" {
		name = guessEncoding(head)
	}
	if e, ok := encodings[name]; ok {
		in = bufio.NewReaderSize(transform.NewReader(in, unicode.BOMOverride(e.NewDecoder())), 256<<10)
		if head, err = in.Peek(headBytes); err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
			return nil, cutOff(err)
		}
	}
	if head, err = checkText(in, head); err != nil {
		return nil, err
	}
	if bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		in = bufio.NewReaderSize(oldLines{in}, 256<<10)
	}
	return in, nil
}

// guessEncoding tells UTF-16 by its mark, or by the zeros between letters.
func guessEncoding(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return "utf-16"
	case len(head) < 4:
		return "utf-8"
	}
	var zeros [2]int
	n := min(len(head), 1000) &^ 1
	for i := range n {
		if head[i] == 0 {
			zeros[i&1]++
		}
	}
	switch {
	case zeros[1] > n/3 && zeros[0] == 0:
		return "utf-16le"
	case zeros[0] > n/3 && zeros[1] == 0:
		return "utf-16be"
	}
	return "utf-8"
}

// checkText refuses what is no text, and passes over a byte order mark.
func checkText(in *bufio.Reader, head []byte) ([]byte, error) {
	switch {
	case bytes.IndexByte(head, 0) >= 0:
		return nil, errors.New("this is no text: a table is CSV, TSV, JSON lines, XLSX or Parquet, plain or compressed by gzip, zstd or bzip2")
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		if _, err := in.Discard(3); err != nil {
			return nil, err
		}
		head = head[3:]
	}
	return head, nil
}

// oldLines turns the \r that ends a line into \n.
type oldLines struct{ in io.Reader }

func (r oldLines) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	for i := range n {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// blanks turns runs of blanks outside of quotes into tabs, those at the beginning of a
// line and at its end into nothing.
type blanks struct {
	in      *bufio.Reader
	pending []byte
	err     error
}

func (r *blanks) Read(p []byte) (int, error) {
	for len(r.pending) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var line []byte
		if line, r.err = r.in.ReadSlice('\n'); errors.Is(r.err, bufio.ErrBufferFull) {
			r.err = errLongRow
			return 0, r.err
		}
		r.pending = append(r.pending[:0], squeeze(line)...)
	}
	n := copy(p, r.pending)
	r.pending = r.pending[n:]
	return n, nil
}

// squeeze turns the runs of blanks of a line into tabs.
func squeeze(line []byte) []byte {
	out := make([]byte, 0, len(line))
	quoted, gap := false, false
	body := bytes.TrimRight(line, "\r\n")
	for _, c := range bytes.TrimSpace(body) {
		if !quoted && (c == ' ' || c == '\t') {
			gap = true
			continue
		}
		if gap {
			out, gap = append(out, '\t'), false
		}
		if c == '"' {
			quoted = !quoted
		}
		out = append(out, c)
	}
	return append(out, line[len(body):]...)
}

// preamble passes over a line sep=; which names the delimiter, and over the comments
// before the header. A comment whose fields are as many as those of the next line is
// the header itself.
func (f *csvFile) preamble(in *bufio.Reader, comment rune, delimiter *rune) (*bufio.Reader, error) {
	line, err := peekLine(in)
	if err != nil {
		return nil, err
	}
	if text := strings.Trim(line, "\" \t\r\n"); len(text) > 4 && strings.EqualFold(text[:4], "sep=") {
		sign, n := utf8.DecodeRuneInString(text[4:])
		if n != len(text)-4 {
			return nil, fmt.Errorf("%q names no delimiter", shorten(text))
		}
		if *delimiter == 0 {
			*delimiter = sign
		}
		if err := f.skip(in, 1); err != nil {
			return nil, err
		}
	}
	if comment == 0 {
		return in, nil
	}
	last := ""
	for {
		line, err := peekLine(in)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(line, string(comment)) {
			break
		}
		last = line
		if err := f.skip(in, 1); err != nil {
			return nil, err
		}
	}
	if last == "" {
		return in, nil
	}
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	sign := *delimiter
	if sign == 0 {
		sign = detectDelimiter(head)
	}
	next, _, _ := strings.Cut(string(head), "\n")
	header := strings.TrimLeft(strings.TrimPrefix(last, string(comment)), " ")
	if n := fieldsOf(next, sign); n > 1 && n == fieldsOf(header, sign) && strings.ContainsAny(next, "0123456789") {
		f.before--
		return bufio.NewReaderSize(io.MultiReader(strings.NewReader(header), in), 256<<10), nil
	}
	return in, nil
}

// fieldsOf counts the fields of a line.
func fieldsOf(line string, sign rune) int {
	if sign == signBlanks {
		return len(strings.Fields(line))
	}
	return unquoted(line, sign) + 1
}

// peekLine returns the next line, as far as it is not too long, and leaves it.
func peekLine(in *bufio.Reader) (string, error) {
	head, err := in.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", cutOff(err)
	}
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	}
	return string(head), nil
}
