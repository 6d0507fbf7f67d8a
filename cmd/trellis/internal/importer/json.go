package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// jsonHeader is how many rows of JSON are looked at for the names of columns.
const jsonHeader = 2000

// jsonRows reads JSON lines: an object in each, whose members are the fields; those of
// an object in it are named outer.inner. An array of objects on lines of their own is
// read, too.
type jsonRows struct {
	in     *bufio.Reader
	file   io.Closer
	line   int64
	place  map[string]int
	names  []string
	held   []jsonRow // rows that were read for the names
	fields []string
}

// jsonRow is a line that was read.
type jsonRow struct {
	members map[string]string
	line    int64
	err     error
}

// isJSON reports whether a text begins as JSON does.
func isJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n[")
	return len(head) > 1 && head[0] == '{' && bytes.HasPrefix(bytes.TrimLeft(head[1:], " \t\r\n"), []byte{'"'})
}

func newJSON(in *bufio.Reader, file io.Closer) (*rowFile, error) {
	j := &jsonRows{in: in, file: file, place: map[string]int{}}
	for range jsonHeader {
		row := j.read()
		j.held = append(j.held, row)
		if row.err != nil && !isRowError(row.err) {
			break
		}
	}
	if len(j.names) == 0 {
		return nil, errors.New("there is no object of JSON in the file: one is expected in each line")
	}
	return newRowFile(j, j.names), nil
}

func isRowError(err error) bool {
	var fault *rowError
	return errors.As(err, &fault)
}

// read reads a line; before the names are complete it takes in new ones.
func (j *jsonRows) read() jsonRow {
	for {
		text, err := j.in.ReadSlice('\n')
		j.line++
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return jsonRow{err: fmt.Errorf("line %d is longer than %d bytes: write each object in a line of its own, as with jq -c '.[]'", j.line, j.in.Size())}
		case err != nil && !errors.Is(err, io.EOF):
			return jsonRow{err: err}
		}
		body := bytes.TrimRight(bytes.TrimSpace(text), ",")
		body = bytes.TrimSpace(bytes.TrimLeft(body, "[ "))
		if bytes.HasSuffix(body, []byte("}]")) {
			body = body[:len(body)-1]
		}
		if len(body) == 0 || len(body) == 1 && body[0] == ']' {
			if err != nil {
				return jsonRow{err: io.EOF}
			}
			continue
		}
		row := jsonRow{line: j.line, members: map[string]string{}}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if token, err := d.Token(); err != nil || token != json.Delim('{') {
			row.err = &rowError{"the line is no object of JSON"}
			return row
		}
		if err := j.object(d, "", row.members); err != nil {
			row.err = &rowError{"the line is no object of JSON: " + err.Error()}
		}
		return row
	}
}

// object reads the members of an object.
func (j *jsonRows) object(d *json.Decoder, prefix string, out map[string]string) error {
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return nil // the closing brace
		}
		if token, err = d.Token(); err != nil {
			return err
		}
		key := prefix + name
		text := ""
		switch v := token.(type) {
		case json.Delim:
			if v == '{' {
				if err := j.object(d, key+".", out); err != nil {
					return err
				}
				continue
			}
			return fmt.Errorf("%s is an array: write a member for each of its values", key)
		case string:
			text = v
		case json.Number:
			text = v.String()
		case bool:
			text = strconv.FormatBool(v)
		}
		if _, known := j.place[key]; !known && len(j.held) < jsonHeader {
			j.place[key] = len(j.names)
			j.names = append(j.names, key)
		}
		out[key] = text
	}
}

func (j *jsonRows) row() ([]string, int64, error) {
	var row jsonRow
	if len(j.held) > 0 {
		row, j.held = j.held[0], j.held[1:]
	} else {
		row = j.read()
	}
	if row.err != nil {
		return nil, row.line, row.err
	}
	if j.fields == nil {
		j.fields = make([]string, len(j.names))
	}
	clear(j.fields)
	for name, text := range row.members {
		i, known := j.place[name]
		if !known || i >= len(j.fields) {
			return nil, row.line, &rowError{fmt.Sprintf("member %q is in none of the first %d rows", shorten(name), jsonHeader)}
		}
		j.fields[i] = text
	}
	return j.fields, row.line, nil
}

func (j *jsonRows) close() error { return j.file.Close() }
