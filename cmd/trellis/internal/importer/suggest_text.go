package importer

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// headOf returns the beginning of the text in a file; nil where it is no text that has
// a layout to be found: a Parquet file, a workbook, JSON.
func headOf(name string) (head []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var in io.Reader = f
	magic := make([]byte, 4)
	if n, err := f.ReadAt(magic, 0); n == 0 {
		return nil, fmt.Errorf("%s cannot be read, or is empty: %w", name, err)
	}
	switch {
	case bytes.Equal(magic, magicParquet):
		return nil, nil
	case bytes.Equal(magic, magicZip):
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		archive, err := zip.NewReader(f, info.Size())
		if err != nil || len(archive.File) != 1 {
			return nil, err
		}
		inside, err := archive.File[0].Open()
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, inside.Close()) }()
		in = inside
	}
	text, err := decompress(bufio.NewReaderSize(in, 256<<10))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	head, err = io.ReadAll(io.LimitReader(text, 4*headBytes))
	if err != nil && len(head) == 0 {
		return nil, fmt.Errorf("%s: %w", name, cutOff(err))
	}
	if isJSON(head) {
		return nil, nil
	}
	return head, nil
}

// layoutOfText finds out how a text is written: its encoding, comments, the delimiter,
// the header, and a row of units.
func (s *suggester) layoutOfText(head []byte) error {
	if guessEncoding(head) == "utf-8" && !utf8.Valid(trimRune(head)) && s.o.Text.Encoding == "auto" {
		s.propose("encoding", "windows-1252", "the text is not UTF-8")
		s.unsure("windows-1252 is the usual encoding of western offices; look whether the names and units are right")
		s.o.Text.Encoding = "windows-1252"
	}
	in, err := decode(bufio.NewReaderSize(bytes.NewReader(head), 4*headBytes), s.o.Text.Encoding)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if len(lines) > 2 {
		lines = lines[:len(lines)-1] // the last is cut off, or empty
	}
	if len(lines) > 0 && strings.HasPrefix(strings.ToLower(strings.Trim(lines[0], "\" ")), "sep=") {
		lines = lines[1:] // it is known, and passed over
	}
	lines = s.comments(lines)
	sign, n := s.delimiter(lines)
	if n < 2 {
		return errors.New("this is no table with two columns: name the sign between its fields with --delimiter, and the lines before its header with --skip")
	}
	s.header(lines, sign, n)
	return nil
}

// trimRune takes off a character at the end that may be cut.
func trimRune(b []byte) []byte {
	for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b[max(0, len(b)-utf8.UTFMax):]); i++ {
		b = b[:len(b)-1]
	}
	return b
}

// comments finds lines that are comments, and takes them out; one that may be the header
// is left as it.
func (s *suggester) comments(lines []string) []string {
	sign := s.o.Text.Comment
	if sign == 0 {
		for _, c := range "#%!" {
			if strings.HasPrefix(lines[0], string(c)) {
				sign = c
			}
		}
		if sign == 0 || len(lines) > 1 && strings.HasPrefix(lines[0], string(sign)) && !strings.HasPrefix(lines[1], string(sign)) && looksData(lines[1]) {
			return lines // one line: its name begins with the sign
		}
		s.o.Text.Comment = sign
		s.propose("comment", string(sign), "lines begin with it that are no rows")
	}
	var out []string
	last := ""
	for _, line := range lines {
		if strings.HasPrefix(line, string(sign)) {
			if len(out) == 0 {
				last = strings.TrimLeft(strings.TrimPrefix(line, string(sign)), " ")
			}
			continue
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		return lines
	}
	if sign, n := s.fieldCount(out); n > 1 && fieldsOf(last, sign) == n && looksData(out[0]) {
		out = append([]string{last}, out...)
	}
	return out
}

// looksData reports whether a line has more digits than letters.
func looksData(line string) bool {
	digits, letters := 0, 0
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		}
	}
	return digits > letters
}

// fieldCount returns the delimiter that most of the lines have equally often, and how
// many fields those have.
func (s *suggester) fieldCount(lines []string) (best rune, fields int) {
	if len(lines) > 400 {
		lines = append(lines[:50:50], lines[len(lines)-350:]...)
	}
	most := 0
	signs := []rune{'\t', ';', '|', ',', signBlanks}
	if s.o.Text.Delimiter != 0 {
		signs = []rune{s.o.Text.Delimiter}
	}
	for _, sign := range signs {
		counts := map[int]int{}
		for _, line := range lines {
			if strings.TrimSpace(line) != "" {
				counts[fieldsOf(line, sign)]++
			}
		}
		for n, times := range counts {
			if n > 1 && (times > most || times == most && sign == best && n > fields) {
				best, fields, most = sign, n, times
			}
		}
		if most*10 >= len(lines)*8 && most > 0 {
			break // the others are rarer as delimiters
		}
	}
	return best, fields
}

// delimiter proposes the delimiter, where import would not find it by itself.
func (s *suggester) delimiter(lines []string) (rune, int) {
	sign, n := s.fieldCount(lines)
	if n < 2 || s.o.Text.Delimiter != 0 {
		return sign, n
	}
	name := map[rune]string{'\t': "tab", signBlanks: "blank"}[sign]
	if name == "" {
		name = string(sign)
	}
	s.propose("delimiter", name, fmt.Sprintf("most lines have %d fields with it", n))
	s.o.Text.Delimiter = sign
	return sign, n
}

// fieldsIn splits a line.
func fieldsIn(line string, sign rune) []string {
	if sign == signBlanks {
		return strings.Fields(line)
	}
	var out []string
	quoted, from := false, 0
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == sign && !quoted:
			out = append(out, strings.Trim(line[from:i], "\" \t\r"))
			from = i + utf8.RuneLen(sign)
		}
	}
	return append(out, strings.Trim(line[from:], "\" \t\r"))
}

// kinds counts what a row's fields are.
func (s *suggester) kinds(row []string) (figures, stamps, words int) {
	for _, text := range row {
		_, dot := (numbers{decimal: '.'}).float(text)
		_, comma := (numbers{decimal: ','}).float(text)
		switch {
		case text == "" || s.isNull(text):
		case dot || comma:
			figures++
		case looksData(text) && strings.ContainsAny(text, ":-/."):
			stamps++
		default:
			words++
		}
	}
	return figures, stamps, words
}

// header finds the row of names and, below it, one of units.
func (s *suggester) header(lines []string, sign rune, n int) {
	at := 0
	for i, line := range lines {
		if got := fieldsOf(strings.TrimRight(line, " \r"), sign); got == n || got == n+1 && i == 0 {
			at = i
			break
		}
	}
	row := fieldsIn(lines[at], sign)
	numbers, stamps, words := s.kinds(row)
	if at > 0 && s.o.Text.Skip == 0 {
		s.o.Text.Skip = at
		s.propose("skip", strconv.Itoa(at), fmt.Sprintf("the lines before %q are no rows", shorten(lines[at])))
	}
	_, _, wordsBelow := s.kinds(fieldsIn(lines[min(at+1, len(lines)-1)], sign))
	if (stamps > 0 && stamps+numbers >= len(row)/2 || words == 0 && wordsBelow == 0 && numbers > 0) && !s.o.Text.NoHeader {
		s.o.Text.NoHeader = true
		s.propose("header", "false", "the first row has values, not names")
		return
	}
	if at+2 >= len(lines) || s.o.Text.NoHeader || s.o.Text.UnitsRow {
		return
	}
	rows := 0
	for ; at+1+rows < len(lines) && rows < 4; rows++ {
		if numbers, stamps, _ := s.kinds(fieldsIn(lines[at+1+rows], sign)); numbers+stamps > 0 {
			break
		}
	}
	if rows == 0 || rows == 4 || strings.Trim(lines[at+1], " ,;\t|\"") == "" {
		return
	}
	s.o.Text.UnitsRow = true
	s.propose("units-row", "", fmt.Sprintf("the row below the names has no values: %s", shorten(lines[at+1])))
	if rows > 1 {
		s.o.Text.SkipBelow = rows - 1
		s.propose("skip-below", strconv.Itoa(rows-1), fmt.Sprintf("nor has what follows the units: %s", shorten(lines[at+2])))
	}
}
