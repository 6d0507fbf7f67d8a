package eval

import (
	"math"
	"strconv"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// to_char and to_number of numbers.
var (
	_ = register("to_char", binaryErr(func(_ *callContext, x float64, format string) (string, error) { return formatDouble(x, format) }), plan.Double, plan.Text)
	_ = register("to_char", binaryErr(func(_ *callContext, x int64, format string) (string, error) { return formatInt(x, format) }), plan.Bigint, plan.Text)
	_ = register("to_number", binaryErr(parseNumber), plan.Text, plan.Text)
)

// numberFormat is a format of numbers taken apart: 9 and 0 stand for digits, ',' or
// G for a group separator, '.' or D for the point, S, MI, SG and PL for the sign, PR
// for angle brackets around negative numbers, TH for the ending of an ordinal, FM
// for no blanks. Everything else is text.
type numberFormat struct {
	prefix, suffix []token  // what stands before the first digit and after the last
	body           []string // 9, 0, ',' and '.', and text between them
	whole          int      // digits before the point
	fraction       int      // digits after it
	zeros          int      // whole digits from the first 0 on
	optional       int      // digits after the point behind the last 0
	fill           bool     // FM
	brackets       bool     // PR
	before, after  bool     // S in front or behind
	elsewhere      bool     // MI or SG: no place for the sign at the number
}

// numberMarks are the patterns of number formats of more than one character, and
// those that are refused.
var numberMarks = []string{"EEEE", "FM", "MI", "PL", "SG", "PR", "TH", "RN", "SP", "V", "L", "B", "S", "D", "G"}

// cutMark returns the pattern that a format begins with, in upper case, and its
// length; a digit, a separator or a character of text where there is no other.
func cutMark(format string) (mark string, size int) {
	for _, m := range numberMarks {
		if len(format) >= len(m) && strings.EqualFold(format[:len(m)], m) {
			return m, len(m)
		}
	}
	_, size = firstRune(format)
	return format[:size], size
}

func parseNumberFormat(format string) (*numberFormat, error) {
	if err := checkFormat(format); err != nil {
		return nil, err
	}
	f := &numberFormat{}
	quoted, points := false, 0
	for rest := format; rest != ""; {
		mark, size := cutMark(rest)
		written := rest[:size]
		switch {
		case mark == `"`:
			quoted = !quoted
			mark = ""
		case quoted:
			_, size = firstRune(rest)
			written, mark = rest[:size], "text"
		}
		rest = rest[size:]
		switch mark {
		case "":
		case "EEEE", "RN", "V", "L", "B", "SP":
			return nil, plan.Errorf(0, plan.CodeNotSupported, "number pattern %q is not supported", written).WithHint("Patterns are 9 0 . D , G S MI PL SG PR TH FM.")
		case "D", ".":
			if points++; points > 1 {
				return nil, plan.Errorf(0, plan.CodeSyntax, "multiple decimal points in the format %q", format)
			}
			f.add(".")
		case "G", ",":
			f.add(",")
		case "9", "0":
			f.add(mark)
		default:
			f.mark(mark, written, strings.ContainsAny(rest, "09"))
		}
	}
	f.count()
	return f, nil
}

// add adds a digit or a separator to the body.
func (f *numberFormat) add(mark string) {
	for _, t := range f.suffix { // text that turned out to stand between digits
		if t.pattern == "" {
			f.body = append(f.body, t.text)
		}
	}
	f.suffix = nil
	f.body = append(f.body, mark)
}

// mark takes note of a pattern that is no digit.
func (f *numberFormat) mark(mark, written string, digitsFollow bool) {
	switch mark {
	case "FM":
		f.fill = true
		return
	case "PR":
		f.brackets = true
		return
	case "S":
		f.before, f.after = digitsFollow, !digitsFollow
		return
	case "MI", "SG":
		f.elsewhere = true
	}
	t := token{pattern: mark, text: written}
	switch mark {
	case "MI", "SG", "PL", "TH":
	default:
		t.pattern = ""
	}
	if len(f.body) == 0 {
		f.prefix = append(f.prefix, t)
	} else {
		f.suffix = append(f.suffix, t)
	}
}

// count counts the digits of the body.
func (f *numberFormat) count() {
	behind := false
	for _, m := range f.body {
		switch {
		case m == ".":
			behind = true
		case m != "9" && m != "0":
		case behind:
			f.fraction++
			if f.optional++; m == "0" {
				f.optional = 0
			}
		default:
			f.whole++
			if f.zeros > 0 || m == "0" {
				f.zeros++
			}
		}
	}
}

// formatDouble rounds halves away from zero, as PostgreSQL does for numeric.
func formatDouble(x float64, format string) (string, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return "", err
	}
	switch {
	case math.IsNaN(x):
		return f.text("NaN", "", false, false), nil
	case math.IsInf(x, 0):
		return f.text("", "", x < 0, true), nil
	}
	rounded := roundTo(math.Abs(x), int64(f.fraction))
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(rounded, 'f', f.fraction, 64), ".")
	return f.text(whole, fraction, x < 0 && rounded != 0, false), nil
}

func formatInt(x int64, format string) (string, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return "", err
	}
	return f.text(strconv.FormatUint(abs64(x), 10), strings.Repeat("0", f.fraction), x < 0, false), nil
}

// text writes a number given by its digits before and after the point.
func (f *numberFormat) text(whole, fraction string, negative, overflow bool) string {
	all := whole
	if whole == "0" && f.fraction > 0 && f.zeros == 0 {
		whole = ""
	}
	overflow = overflow || len(whole) > f.whole
	if f.fill {
		trimmed := strings.TrimRight(fraction, "0")
		if fraction = fraction[:max(len(trimmed), len(fraction)-f.optional)]; fraction == "" && whole == "" && f.whole > 0 {
			whole = all
		}
	}
	if pad := f.zeros - len(whole); pad > 0 && all != "NaN" {
		whole = strings.Repeat("0", pad) + whole
	}
	var b strings.Builder
	f.marks(&b, f.prefix, all, negative, overflow)
	b.WriteString(f.signed(f.fillIn(whole, fraction, overflow), negative))
	f.marks(&b, f.suffix, all, negative, overflow)
	if f.fill && len(f.prefix)+len(f.suffix) == 0 {
		return strings.TrimSpace(b.String())
	}
	return b.String()
}

// marks writes what stands before or after the number.
func (f *numberFormat) marks(b *strings.Builder, marks []token, whole string, negative, overflow bool) {
	for _, t := range marks {
		switch {
		case t.pattern == "":
			b.WriteString(t.text)
		case t.pattern == "TH":
			if !negative && !overflow && f.fraction == 0 && whole != "NaN" {
				b.WriteString(like(t.text, ordinalEnd(whole)))
			}
		case negative && t.pattern != "PL":
			b.WriteByte('-')
		case t.pattern == "SG", t.pattern == "PL" && !negative:
			b.WriteByte('+')
		case !f.fill:
			b.WriteByte(' ')
		}
	}
}

// fillIn writes the digits into the body, with blanks for those that are missing.
func (f *numberFormat) fillIn(whole, fraction string, overflow bool) string {
	var b strings.Builder
	left := f.whole // digits of the body not yet written
	began, behind := false, false
	for _, m := range f.body {
		digit := m == "9" || m == "0"
		switch {
		case m == "." && whole == "NaN":
			return b.String()
		case m == "." && f.fraction == 0 && !overflow:
		case m == ".":
			b.WriteByte('.')
			behind, began = true, true
		case digit && overflow:
			b.WriteByte('#')
			began = true
		case digit && behind:
			if fraction != "" {
				b.WriteByte(fraction[0])
				fraction = fraction[1:]
			}
		case digit:
			if left <= len(whole) {
				b.WriteByte(whole[len(whole)-left])
				began = true
			} else if !f.fill {
				b.WriteByte(' ')
			}
			left--
		case m == "," && !began:
			if !f.fill {
				b.WriteByte(' ')
			}
		default:
			b.WriteString(m)
		}
	}
	return b.String()
}

// signed puts the sign next to the first digit, or where the format wants it.
func (f *numberFormat) signed(digits string, negative bool) string {
	body := strings.TrimLeft(digits, " ")
	blanks := digits[:len(digits)-len(body)]
	mark, blank := "", " "
	if f.fill {
		blank = ""
	}
	switch {
	case negative:
		mark = "-"
	case f.before, f.after:
		mark = "+"
	default:
		mark = blank
	}
	switch {
	case f.whole+f.fraction == 0:
		return digits
	case f.brackets && negative:
		return blanks + "<" + body + ">"
	case f.brackets:
		return blanks + blank + body + blank
	case f.elsewhere:
		return digits
	case f.after:
		return digits + mark
	}
	return blanks + mark + body
}

// parseNumber reads a number by a format: a digit of the format takes a character of
// the text, which is left out where it is none, separators are passed over, and a
// sign may stand wherever the format has one, or in front.
func parseNumber(_ *callContext, s, format string) (float64, error) {
	f, err := parseNumberFormat(format)
	if err != nil {
		return 0, err
	}
	bad := func() (float64, error) {
		return 0, plan.Errorf(0, plan.CodeInvalidText, "invalid input syntax for a number of format %q: %q", format, s)
	}
	var digits strings.Builder
	text := strings.TrimSpace(s)
	negative, signed := false, false
	sign := func() {
		if text != "" && strings.ContainsRune("+-<> ", rune(text[0])) {
			negative = negative || text[0] == '-' || text[0] == '<'
			text = text[1:]
		}
	}
	if !strings.HasPrefix(text, "<") || strings.Contains(strings.ToUpper(format), "PR") {
		sign()
	}
	for rest := format; rest != "" && text != ""; {
		mark, size := cutMark(rest)
		rest = rest[size:]
		switch mark {
		case "9", "0":
			if text[0] >= '0' && text[0] <= '9' {
				digits.WriteByte(text[0])
			}
			if text[0] != '.' || !strings.ContainsAny(rest, ".Dd") {
				text = text[1:]
			}
		case ".", "D":
			if text[0] == '.' {
				digits.WriteByte('.')
				text = text[1:]
			}
		case ",", "G":
			text = strings.TrimPrefix(text, ",")
		case "S", "MI", "SG", "PL", "PR":
			signed = true
			sign()
		}
	}
	if signed {
		sign()
	}
	x, err := strconv.ParseFloat(digits.String(), 64)
	if err != nil {
		return bad()
	}
	// The number is one of as many digits as the format has.
	if x = roundTo(x, int64(f.fraction)); x >= math.Pow10(f.whole) {
		return 0, plan.Errorf(0, plan.CodeOutOfRange, "numeric field overflow: %q has more digits than the format %q", s, format)
	}
	if negative {
		x = -x
	}
	return x, nil
}
