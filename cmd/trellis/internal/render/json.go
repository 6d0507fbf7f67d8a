package render

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trellisdb/trellis/columnar/zone"
)

// objects writes rows as JSON objects whose members are in the order of the columns.
// Integers are written in full, numbers that are not finite as texts.
type objects struct {
	w     *bufio.Writer
	zone  *zone.Zone
	names [][]byte // of the columns, quoted
	array bool
	rows  int64
}

func newJSON(w io.Writer, schema *arrow.Schema, o Options) *objects {
	j := &objects{w: bufio.NewWriter(w), zone: o.Zone, array: o.Format == JSON}
	for _, f := range schema.Fields() {
		j.names = append(j.names, quote(f.Name))
	}
	return j
}

// quote returns a text in quotes. Encoding a string cannot go wrong.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return bytes.TrimRight(b.Bytes(), "\n")
}

// write writes a batch. Errors stay with the buffered writer until it is flushed.
func (j *objects) write(batch arrow.RecordBatch) error {
	for i := range int(batch.NumRows()) {
		switch {
		case j.array && j.rows == 0:
			_, _ = j.w.WriteString("[\n  ")
		case j.array:
			_, _ = j.w.WriteString(",\n  ")
		}
		for k, col := range batch.Columns() {
			separator := byte(',')
			if k == 0 {
				separator = '{'
			}
			_ = j.w.WriteByte(separator)
			_, _ = j.w.Write(j.names[k])
			_ = j.w.WriteByte(':')
			_, _ = j.w.Write(j.value(col, i))
		}
		if batch.NumCols() == 0 {
			_ = j.w.WriteByte('{')
		}
		_ = j.w.WriteByte('}')
		if !j.array {
			_ = j.w.WriteByte('\n')
		}
		j.rows++
	}
	return nil
}

// value returns a value as JSON.
func (j *objects) value(a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return []byte("null")
	}
	s := cell(a, i, j.zone)
	switch kindOf(a.DataType()) {
	case booleans:
		return []byte(s)
	case numbers:
		if text := []byte(s); json.Valid(text) {
			return text
		}
		return quote(s) // NaN, Infinity
	}
	if t, ok := a.DataType().(*arrow.TimestampType); ok {
		return quote(iso(s, t.TimeZone != ""))
	}
	return quote(s)
}

// iso returns a stamp as PostgreSQL prints it in the form of RFC 3339.
func iso(s string, zoned bool) string {
	s = strings.Replace(s, " ", "T", 1)
	if !zoned {
		return s
	}
	if utc, ok := strings.CutSuffix(s, "+00"); ok {
		return utc + "Z"
	}
	if at := strings.LastIndexAny(s, "+-"); at >= len(s)-3 && at > len("2006-01-02") {
		return s + ":00"
	}
	return s
}

func (j *objects) close() error {
	if j.array && j.rows == 0 {
		_, _ = j.w.WriteString("[")
	}
	if j.array {
		_, _ = j.w.WriteString("\n]\n")
	}
	return j.w.Flush()
}
