package plan

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/columnar/zone"
)

// ParseLiteral reads a value of a type from its text form, as a quoted literal, a
// parameter given as text or a cast from text has it, and returns what
// Literal.Value holds for the type. The forms are those that PostgreSQL reads with
// the default DateStyle, except that dates written with two numbers before the
// year are refused as ambiguous.
//
// An instant without an offset is taken in z, as PostgreSQL chooses where its clock
// shows the time twice or never (zone.Zone.Chosen); now stands for now, today,
// yesterday and tomorrow. The error is an *Error without a position.
func ParseLiteral(text string, t Type, z *zone.Zone, now int64) (any, error) {
	trimmed := strings.TrimSpace(text)
	switch t {
	case Unknown, Text:
		return text, nil
	case Boolean:
		return parseBoolean(trimmed)
	case Bigint:
		return parseBigint(trimmed)
	case Double:
		return parseDouble(trimmed)
	case JSON:
		if !json.Valid([]byte(text)) {
			return nil, badSyntax(text, t)
		}
		return text, nil
	case Interval:
		return ParseInterval(trimmed, "second")
	}
	return parseWhen(trimmed, t, z, now)
}

func badSyntax(text string, t Type) *Error {
	code := CodeInvalidText
	switch t {
	case Timestamp, Timestamptz, Date, Time, Interval:
		code = CodeDatetimeFormat
	}
	const longest = 100
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return Errorf(0, code, "invalid input syntax for type %s: %q", t, text)
}

func outOfRange(text string, t Type) *Error {
	return Errorf(0, CodeOutOfRange, "%q is out of range for type %s", text, t)
}

// booleans are the words for true and false; any unique prefix will do.
var booleans = []struct {
	word  string
	value bool
	least int // length of the shortest prefix
}{{"true", true, 1}, {"false", false, 1}, {"yes", true, 1}, {"no", false, 1}, {"on", true, 2}, {"off", false, 2}, {"1", true, 1}, {"0", false, 1}}

func parseBoolean(text string) (any, error) {
	lower := strings.ToLower(text)
	for _, b := range booleans {
		if len(lower) >= b.least && strings.HasPrefix(b.word, lower) {
			return b.value, nil
		}
	}
	return nil, badSyntax(text, Boolean)
}

func parseBigint(text string) (any, error) {
	v, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, outOfRange(text, Bigint)
	case err != nil:
		return nil, badSyntax(text, Bigint)
	}
	return v, nil
}

func parseDouble(text string) (any, error) {
	switch strings.ToLower(text) {
	case "nan":
		return math.NaN(), nil
	case "infinity", "inf", "+infinity", "+inf":
		return math.Inf(1), nil
	case "-infinity", "-inf":
		return math.Inf(-1), nil
	}
	if strings.ContainsAny(text, "xXpP_nN") { // forms that Go reads and PostgreSQL does not
		return nil, badSyntax(text, Double)
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return nil, outOfRange(text, Double)
	case err != nil:
		return nil, badSyntax(text, Double)
	}
	return v, nil
}
