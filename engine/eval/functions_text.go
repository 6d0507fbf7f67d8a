package eval

import (
	"crypto/md5"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trellisdb/trellis/columnar"
	"github.com/trellisdb/trellis/engine/plan"
)

// Functions of text. Positions and lengths count characters.
var (
	_ = register("||", binaryErr(join), plan.Text, plan.Text)
	_ = registerLengths("length", "char_length", "character_length")
	_ = register("octet_length", unary(func(s string) int64 { return int64(len(s)) }), plan.Text)
	_ = register("lower", unary(strings.ToLower), plan.Text)
	_ = register("upper", unary(strings.ToUpper), plan.Text)
	_ = register("initcap", unary(initcap), plan.Text)
	_ = registerTrim("btrim", strings.Trim)
	_ = registerTrim("ltrim", strings.TrimLeft)
	_ = registerTrim("rtrim", strings.TrimRight)
	_ = registerSubstring("substring")
	_ = registerSubstring("substr")
	_ = register("left", binary(left), plan.Text, plan.Bigint)
	_ = register("right", binary(right), plan.Text, plan.Bigint)
	_ = register("replace", ternaryErr(replaceAll), plan.Text, plan.Text, plan.Text)
	_ = register("translate", ternaryErr(translate), plan.Text, plan.Text, plan.Text)
	_ = register("split_part", ternaryErr(splitPart), plan.Text, plan.Text, plan.Bigint)
	_ = register("strpos", binary(strpos), plan.Text, plan.Text)
	_ = register("starts_with", binary(strings.HasPrefix), plan.Text, plan.Text)
	_ = register("concat", concat, plan.Text)
	_ = register("concat_ws", concatWith, plan.Text, plan.Text)
	_ = registerPad("lpad", func(s, fill string) string { return fill + s })
	_ = registerPad("rpad", func(s, fill string) string { return s + fill })
	_ = register("repeat", binaryErr(repeatText), plan.Text, plan.Bigint)
	_ = register("reverse", unary(reverse), plan.Text)
	_ = register("md5", unary(func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }), plan.Text)
	_ = register("ascii", unary(ascii), plan.Text)
	_ = register("chr", unaryErr(chr), plan.Bigint)
	_ = register("to_hex", unary(func(x int64) string { return strconv.FormatUint(uint64(x), 16) }), plan.Bigint)
	_ = register("quote_ident", unary(quoteIdent), plan.Text)
	_ = register("quote_literal", unary(quoteLiteral), plan.Text)
)

// maxTextResult bounds what a function that multiplies text may make of a row.
const maxTextResult = 16 << 20

func tooLong() error {
	return plan.Errorf(0, plan.CodeTooMany, "a text of more than %d bytes would result", maxTextResult)
}

func join(c *callContext, a, b string) (string, error) {
	return a + b, c.grow(len(a) + len(b))
}

func registerLengths(names ...string) struct{} {
	for _, name := range names {
		register(name, unary(func(s string) int64 { return int64(utf8.RuneCountInString(s)) }), plan.Text)
	}
	return struct{}{}
}

func registerTrim(name string, trim func(s, cut string) string) struct{} {
	register(name, unary(func(s string) string { return trim(s, " ") }), plan.Text)
	return register(name, binary(trim), plan.Text, plan.Text)
}

func registerSubstring(name string) struct{} {
	register(name, binary(func(s string, from int64) string { return cut(s, from, 1<<40) }), plan.Text, plan.Bigint)
	return register(name, ternaryErr(func(_ *callContext, s string, from, count int64) (string, error) {
		if count < 0 {
			return "", plan.Errorf(0, "22011", "negative substring length not allowed")
		}
		return cut(s, from, count), nil
	}), plan.Text, plan.Bigint, plan.Bigint)
}

// cut returns the characters at positions [from, from+count), counted from 1; those
// before the text count, too, as in SQL.
func cut(s string, from, count int64) string {
	const far = 1 << 41 // beyond every text, and far from overflow
	from = max(min(from, far), -far)
	to := from + min(count, far)
	from = max(from, 1)
	if to <= from {
		return ""
	}
	return charRange(s, from-1, to-1)
}

// charRange returns the characters [from, to), counted from 0.
func charRange(s string, from, to int64) string {
	n, begin := int64(0), len(s)
	for i := range s {
		if n == from {
			begin = i
		}
		if n == to {
			return s[begin:i]
		}
		n++
	}
	return s[begin:]
}

func left(s string, count int64) string {
	if count < 0 {
		count = max(int64(utf8.RuneCountInString(s))+count, 0)
	}
	return charRange(s, 0, count)
}

func right(s string, count int64) string {
	n := int64(utf8.RuneCountInString(s))
	if count < 0 {
		return charRange(s, min(-max(count, -n), n), n)
	}
	return charRange(s, max(n-count, 0), n)
}

func initcap(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		was := inWord
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
		if was {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

func replaceAll(c *callContext, s, from, to string) (string, error) {
	if from == "" {
		return s, nil
	}
	grown := len(s) + strings.Count(s, from)*(len(to)-len(from))
	if grown > maxTextResult {
		return "", tooLong()
	}
	if err := c.grow(grown); err != nil {
		return "", err
	}
	return strings.ReplaceAll(s, from, to), nil
}

func translate(_ *callContext, s, from, to string) (string, error) {
	targets := []rune(to)
	with := map[rune]rune{}
	n := 0
	for _, r := range from {
		if _, again := with[r]; !again {
			with[r] = -1 // strings.Map leaves it out
			if n < len(targets) {
				with[r] = targets[n]
			}
		}
		n++
	}
	return strings.Map(func(r rune) rune {
		if x, ok := with[r]; ok {
			return x
		}
		return r
	}, s), nil
}

func splitPart(_ *callContext, s, delimiter string, n int64) (string, error) {
	if n == 0 {
		return "", plan.Errorf(0, plan.CodeInvalidValue, "field position must not be zero")
	}
	parts := []string{s}
	if delimiter != "" {
		parts = strings.Split(s, delimiter)
	}
	if n < 0 {
		n = int64(len(parts)) + n + 1
	}
	if n < 1 || n > int64(len(parts)) {
		return "", nil
	}
	return parts[n-1], nil
}

func strpos(s, part string) int64 {
	i := strings.Index(s, part)
	if i < 0 {
		return 0
	}
	return int64(utf8.RuneCountInString(s[:i])) + 1
}

// concat joins its arguments; NULLs are left out.
func concat(c *callContext, args []Vector, n int) (Vector, error) {
	out := make([]string, n)
	var b strings.Builder
	for i := range out {
		b.Reset()
		for k := range args {
			if !args[k].IsNull(i) {
				b.WriteString(args[k].Strs[i&args[k].mask()])
			}
		}
		if err := c.grow(b.Len()); err != nil {
			return Vector{}, err
		}
		out[i] = b.String()
	}
	return of(out, nil), nil
}

// concatWith joins its arguments after the first with the first between them.
func concatWith(c *callContext, args []Vector, n int) (Vector, error) {
	out := make([]string, n)
	valid := columnar.NewBitmap(n)
	var parts []string
	for i := range out {
		if args[0].IsNull(i) {
			continue
		}
		valid.Set(i)
		parts = parts[:0]
		for k := range args[1:] {
			if a := &args[k+1]; !a.IsNull(i) {
				parts = append(parts, a.Strs[i&a.mask()])
			}
		}
		out[i] = strings.Join(parts, args[0].Strs[i&args[0].mask()])
		if err := c.grow(len(out[i])); err != nil {
			return Vector{}, err
		}
	}
	return of(out, valid), nil
}

func registerPad(name string, join func(s, fill string) string) struct{} {
	pad := func(c *callContext, s string, length int64, fill string) (string, error) {
		n := int64(utf8.RuneCountInString(s))
		switch {
		case length <= n:
			return charRange(s, 0, max(length, 0)), nil
		case fill == "":
			return s, nil
		case length-n > maxTextResult/int64(len(fill)):
			return "", tooLong()
		}
		width := int64(utf8.RuneCountInString(fill))
		times := (length - n + width - 1) / width
		if err := c.grow(len(s) + int(times)*len(fill)); err != nil {
			return "", err
		}
		return join(s, charRange(strings.Repeat(fill, int(times)), 0, length-n)), nil
	}
	register(name, binaryErr(func(c *callContext, s string, length int64) (string, error) { return pad(c, s, length, " ") }), plan.Text, plan.Bigint)
	return register(name, ternaryErr(pad), plan.Text, plan.Bigint, plan.Text)
}

func repeatText(c *callContext, s string, count int64) (string, error) {
	if count <= 0 || s == "" {
		return "", nil
	}
	if count > maxTextResult/int64(len(s)) {
		return "", tooLong()
	}
	if err := c.grow(len(s) * int(count)); err != nil {
		return "", err
	}
	return strings.Repeat(s, int(count)), nil
}

func reverse(s string) string {
	runes := []rune(s)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

func ascii(s string) int64 {
	if s == "" {
		return 0
	}
	r, _ := utf8.DecodeRuneInString(s)
	return int64(r)
}

func chr(_ *callContext, x int64) (string, error) {
	switch {
	case x < 0:
		return "", plan.Errorf(0, plan.CodeInvalidValue, "character number must be positive")
	case x == 0 || x > unicode.MaxRune || !utf8.ValidRune(rune(x)):
		return "", plan.Errorf(0, plan.CodeTooMany, "requested character not valid: %d", x)
	}
	return string(rune(x)), nil
}

func quoteIdent(s string) string {
	plain := s != ""
	for i, r := range s {
		plain = plain && (r == '_' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9')
	}
	if plain && !keywords[s] {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// quoteLiteral writes a literal; one with backslashes in the form that escapes them.
func quoteLiteral(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
