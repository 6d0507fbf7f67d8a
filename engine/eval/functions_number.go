package eval

import (
	"math"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// to_char and to_number of numbers.
var (
	_ = register("to_char", binaryErr(func(_ *callContext, x float64, format string) (string, error) { return formatNumber(x, format) }), plan.Double, plan.Text)
	_ = register("to_char", binaryErr(func(_ *callContext, x int64, format string) (string, error) { return formatNumber(float64(x), format) }), plan.Bigint, plan.Text)
	_ = register("to_number", binaryErr(parseNumber), plan.Text, plan.Text)
)

// numberFormat is a format of numbers taken apart: 9 and 0 stand for digits, ',' or
// G for a group separator, '.' or D for the point, S and MI for the sign, PR for
// angle brackets around negative numbers, FM for no blanks. Everything else is text.
type numberFormat struct {
	body                   string // of 9 0 , . in order, and text
	whole, fraction        int    // digits before and after the point
	zeros                  int    // whole digits from the first 0 on
	optional               int    // digits after the point behind the last 0
	fill, brackets, before bool   // FM, PR, S in front
	after                  bool   // S or MI behind
	signed                 bool   // S: a plus is shown
}

func parseNumberFormat(format string) (numberFormat, error) {
	var f numberFormat
	if f.fill = strings.Contains(format, "FM"); f.fill {
		format = strings.Replace(format, "FM", "", 1)
	}
	if f.brackets = strings.HasSuffix(format, "PR"); f.brackets {
		format = strings.TrimSuffix(format, "PR")
	}
	switch {
	case strings.HasPrefix(format, "S"):
		f.before, f.signed, format = true, true, format[1:]
	case strings.HasSuffix(format, "S"):
		f.after, f.signed, format = true, true, format[:len(format)-1]
	case strings.HasSuffix(format, "MI"):
		f.after, format = true, format[:len(format)-2]
	}
	f.body = strings.NewReplacer("G", ",", "D", ".").Replace(format)
	if strings.ContainsAny(f.body, "VLERNBCU") {
		return f, plan.Errorf(0, plan.CodeNotSupported, "number format %q is not supported", format).WithHint("patterns are 9 0 . D , G S MI PR FM")
	}
	whole, fraction, _ := strings.Cut(f.body, ".")
	f.whole = strings.Count(whole, "9") + strings.Count(whole, "0")
	f.fraction = strings.Count(fraction, "9") + strings.Count(fraction, "0")
	if i := strings.IndexByte(whole, '0'); i >= 0 {
		f.zeros = strings.Count(whole[i:], "9") + strings.Count(whole[i:], "0")
	}
	f.optional = len(strings.ReplaceAll(fraction[strings.LastIndexByte(fraction, '0')+1:], ",", ""))
	return f, nil
}

func formatNumber(x float64, format string) (string, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return "", err
	}
	rounded := roundTo(math.Abs(x), int64(f.fraction))
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(rounded, 'f', f.fraction, 64), ".")
	if whole == "0" && f.fraction > 0 && f.zeros == 0 {
		whole = ""
	}
	overflow := len(whole) > f.whole || infinite(x)
	if pad := f.zeros - len(whole); pad > 0 {
		whole = strings.Repeat("0", pad) + whole
	}
	if f.fill {
		trimmed := strings.TrimRight(fraction, "0")
		fraction = fraction[:max(len(trimmed), len(fraction)-f.optional)]
	}
	digits := f.fillIn(whole, fraction, overflow)
	return f.sign(digits, x < 0 && (rounded != 0)), nil
}

// fillIn writes the digits into the body, with blanks for those that are missing.
func (f numberFormat) fillIn(whole, fraction string, overflow bool) string {
	var b strings.Builder
	left := f.whole // digits of the body not yet written
	began := false
	behind := false
	for _, r := range f.body {
		switch {
		case r == '.':
			b.WriteByte('.')
			behind, began = true, true
		case (r == '9' || r == '0') && overflow:
			b.WriteByte('#')
			began = true
		case (r == '9' || r == '0') && behind:
			if fraction != "" {
				b.WriteByte(fraction[0])
				fraction = fraction[1:]
			}
		case r == '9' || r == '0':
			if left <= len(whole) {
				b.WriteByte(whole[len(whole)-left])
				began = true
			} else {
				b.WriteByte(' ')
			}
			left--
		case r == ',' && !began:
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// sign puts the sign next to the first digit, or where the format wants it.
func (f numberFormat) sign(digits string, negative bool) string {
	body := strings.TrimLeft(digits, " ")
	blanks := digits[:len(digits)-len(body)]
	mark := " "
	switch {
	case negative:
		mark = "-"
	case f.signed:
		mark = "+"
	}
	out := blanks + mark + body
	switch {
	case f.brackets && negative:
		out = blanks + "<" + body + ">"
	case f.brackets:
		out = blanks + " " + body + " "
	case f.after:
		out = digits + mark
	}
	if f.fill {
		return strings.TrimSpace(out)
	}
	return out
}

// parseNumber reads a number by a format: what the format has besides digits, sign
// and point is left out.
func parseNumber(_ *callContext, s, format string) (float64, error) {
	if _, err := parseNumberFormat(format); err != nil {
		return 0, err
	}
	var b strings.Builder
	negative := strings.ContainsAny(s, "-<")
	for _, r := range s {
		if r >= '0' && r <= '9' || r == '.' {
			b.WriteRune(r)
		}
	}
	x, err := strconv.ParseFloat(b.String(), 64)
	if err != nil {
		return 0, plan.Errorf(0, plan.CodeInvalidText, "invalid input syntax for a number of format %q: %q", format, s)
	}
	if negative {
		x = -x
	}
	return x, nil
}
