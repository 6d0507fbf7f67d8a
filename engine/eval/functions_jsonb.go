package eval

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// What PostgreSQL does with jsonb. The type is JSON, like that of json.
var (
	_ = register("jsonb", unaryErr(func(_ *callContext, doc string) (string, error) { return normalJSON(doc) }), plan.JSON)
	_ = register("jsonb_concat", binaryErr(func(_ *callContext, a, b string) (string, error) { return concatJSON(a, b) }), plan.JSON, plan.JSON)
)

// decodeJSON reads a document; numbers stay what they are.
func decodeJSON(doc string) (any, error) {
	if err := checkDocument(doc); err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, plan.Errorf(0, plan.CodeInvalidText, "invalid input syntax for type json: %v", err)
	}
	return v, nil
}

// normalJSON writes a document as jsonb keeps it: one of each key, in order of length
// and bytes, with a blank after colons and commas.
func normalJSON(doc string) (string, error) {
	v, err := decodeJSON(doc)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	writeJSON(&b, v)
	return b.String(), nil
}

// writeJSON writes what decodeJSON has read. It goes no deeper than that did, which is
// bounded by encoding/json (10,000 levels).
func writeJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case json.Number:
		b.WriteString(plainNumber(string(v)))
	case string:
		writeJSONString(b, v)
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case map[string]any:
		keys := slices.SortedFunc(maps.Keys(v), func(x, y string) int {
			return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
		})
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSONString(b, k)
			b.WriteString(": ")
			writeJSON(b, v[k])
		}
		b.WriteByte('}')
	}
}

func writeJSONString(b *bytes.Buffer, s string) {
	const escapes = "\"\\\b\f\n\r\t"
	b.WriteByte('"')
	for _, r := range s {
		switch i := strings.IndexRune(escapes, r); {
		case i >= 0:
			b.WriteByte('\\')
			b.WriteByte(`"\bfnrt`[i])
		case r < ' ':
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// plainNumber writes a number without an exponent, as long as that is not long.
func plainNumber(n string) string {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(n), "e")
	if strings.Trim(mantissa, "-0.") == "" && strings.HasPrefix(mantissa, "-") {
		mantissa, n = mantissa[1:], n[1:]
	}
	if !scientific {
		return n
	}
	const most = 1000
	e, err := strconv.Atoi(exponent)
	if err != nil || e > most || e < -most {
		return n
	}
	x, ok := new(big.Rat).SetString(n)
	if !ok {
		return n
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	return x.FloatString(max(len(fraction)-e, 0))
}

// concatJSON is || of jsonb: objects are merged, arrays follow one another, and
// anything else becomes an array of one.
func concatJSON(left, right string) (string, error) {
	a, err := decodeJSON(left)
	if err != nil {
		return "", err
	}
	b, err := decodeJSON(right)
	if err != nil {
		return "", err
	}
	var out any
	x, isObject := a.(map[string]any)
	if y, also := b.(map[string]any); isObject && also {
		maps.Copy(x, y)
		out = x
	} else {
		out = append(itemsOf(a), itemsOf(b)...)
	}
	var text bytes.Buffer
	writeJSON(&text, out)
	return text.String(), nil
}

func itemsOf(v any) []any {
	if items, ok := v.([]any); ok {
		return items
	}
	return []any{v}
}
