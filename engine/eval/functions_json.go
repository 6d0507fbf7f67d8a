package eval

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// Functions of JSON. A member or an item that is not there is NULL.
var (
	_ = register("->", jsonPath(member, asJSON), plan.JSON, plan.Text)
	_ = register("->", jsonPath(item, asJSON), plan.JSON, plan.Bigint)
	_ = register("->>", jsonPath(member, asText), plan.JSON, plan.Text)
	_ = register("->>", jsonPath(item, asText), plan.JSON, plan.Bigint)
	_ = register("#>", jsonPath(pathOf, asJSON), plan.JSON, plan.Text)
	_ = register("#>>", jsonPath(pathOf, asText), plan.JSON, plan.Text)
	_ = register("json_typeof", unaryErr(jsonType), plan.JSON)
	_ = register("json_array_length", unaryErr(jsonLength), plan.JSON)
)

// The largest document that is taken apart, which takes some thirty times its length,
// and the longest path into one, each part of which reads what is left of it.
const (
	maxDocument = 1 << 20
	maxPath     = 1000
)

func checkDocument(doc string) error {
	if len(doc) > maxDocument {
		return plan.Errorf(0, plan.CodeTooMany, "a JSON document of %d bytes is too large to be taken apart: it may have %d", len(doc), maxDocument)
	}
	return nil
}

// step leads from a JSON text to one inside it; false where there is none.
type step func(doc json.RawMessage) (json.RawMessage, bool)

func member(args []Vector, i int) []step { return []step{memberStep(text(args, 1, i))} }
func item(args []Vector, i int) []step   { return []step{itemStep(args[1].Ints[i&args[1].mask()])} }

// pathOf reads a path such as {a,0,b}.
func pathOf(args []Vector, i int) []step {
	var out []step
	for _, part := range pathParts(text(args, 1, i)) {
		byName := memberStep(part)
		n, err := strconv.ParseInt(part, 10, 64)
		byIndex := itemStep(n)
		out = append(out, func(doc json.RawMessage) (json.RawMessage, bool) {
			if first(doc) == '[' {
				if err != nil {
					return nil, false
				}
				return byIndex(doc)
			}
			return byName(doc)
		})
	}
	return out
}

// pathParts cuts a path at its commas. A part in double quotes may hold commas, and
// a backslash takes the next character as it is.
func pathParts(path string) []string {
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(path), "{"), "}")
	if strings.TrimSpace(inner) == "" {
		return nil
	}
	var out []string
	var part strings.Builder
	quoted := false
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '\\' && i+1 < len(inner):
			i++
			part.WriteByte(inner[i])
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			out = append(out, part.String())
			part.Reset()
		case c == ' ' && !quoted && part.Len() == 0:
		default:
			part.WriteByte(c)
		}
	}
	return append(out, strings.TrimRight(part.String(), " "))
}

func first(doc json.RawMessage) byte {
	trimmed := bytes.TrimLeft(doc, " \t\r\n")
	if len(trimmed) == 0 {
		return 0
	}
	return trimmed[0]
}

func memberStep(key string) step {
	return func(doc json.RawMessage) (json.RawMessage, bool) {
		var object map[string]json.RawMessage
		if first(doc) != '{' || json.Unmarshal(doc, &object) != nil {
			return nil, false
		}
		v, ok := object[key]
		return v, ok
	}
}

func itemStep(index int64) step {
	return func(doc json.RawMessage) (json.RawMessage, bool) {
		var list []json.RawMessage
		if first(doc) != '[' || json.Unmarshal(doc, &list) != nil {
			return nil, false
		}
		if index < 0 {
			index += int64(len(list))
		}
		if index < 0 || index >= int64(len(list)) {
			return nil, false
		}
		return list[index], true
	}
}

func asJSON(doc json.RawMessage) (string, bool) { return string(doc), true }

// asText is a JSON string's own text, and any other value's JSON; null is NULL.
func asText(doc json.RawMessage) (string, bool) {
	switch first(doc) {
	case 'n':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(doc, &s)
		return s, err == nil
	}
	return string(doc), true
}

// jsonPath follows the steps that each row's arguments name. A run of rows with the
// same arguments, as a series' labels make, is followed once.
func jsonPath(steps func(args []Vector, i int) []step, answer func(json.RawMessage) (string, bool)) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		type question struct {
			doc  string
			path any
		}
		var last question
		var lastText string
		var lastOK, have bool
		return nullable(func(_ *callContext, args []Vector, i int) (string, bool, error) {
			q := question{text(args, 0, i), args[1].Literal(i).Value}
			if have && q == last {
				return lastText, lastOK, nil
			}
			if err := checkDocument(q.doc); err != nil {
				return "", false, err
			}
			doc, ok := json.RawMessage(q.doc), true
			path := steps(args, i)
			if len(path) > maxPath {
				return "", false, plan.Errorf(0, plan.CodeTooMany, "a path of %d parts is longer than %d", len(path), maxPath)
			}
			for _, s := range path {
				if doc, ok = s(doc); !ok {
					break
				}
			}
			last, have, lastText, lastOK = q, true, "", ok
			if ok {
				lastText, lastOK = answer(doc)
			}
			return lastText, lastOK, nil
		})(c, args, n)
	}
}

func jsonType(_ *callContext, doc string) (string, error) {
	switch first(json.RawMessage(doc)) {
	case '{':
		return "object", nil
	case '[':
		return "array", nil
	case '"':
		return "string", nil
	case 't', 'f':
		return "boolean", nil
	case 'n':
		return "null", nil
	}
	return "number", nil
}

func jsonLength(_ *callContext, doc string) (int64, error) {
	if err := checkDocument(doc); err != nil {
		return 0, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(doc), &list); err != nil {
		return 0, plan.Errorf(0, plan.CodeInvalidValue, "cannot get array length of a non-array")
	}
	return int64(len(list)), nil
}
