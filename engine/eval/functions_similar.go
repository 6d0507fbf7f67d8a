package eval

import (
	"regexp"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// substring(text FROM pattern FOR escape): what matches between the two separators
// (escape and a double quote) of an SQL regular expression, all of it where there are
// none. The whole text must match.
var _ = register("substring", nullableSimilar, plan.Text, plan.Text, plan.Text)

func nullableSimilar(c *callContext, args []Vector, n int) (Vector, error) {
	seen := newPatterns(compileSimilar)
	return nullable(func(_ *callContext, args []Vector, i int) (string, bool, error) {
		re, err := seen.find(patternKey{pattern: text(args, 1, i), flags: text(args, 2, i)})
		if err != nil {
			return "", false, err
		}
		s := text(args, 0, i)
		m := re.FindStringSubmatchIndex(s)
		if m == nil || m[2] < 0 {
			return "", false, nil
		}
		return s[m[2]:m[3]], true, nil
	})(c, args, n)
}

// compileSimilar compiles an SQL regular expression; the key's flags are its escape.
func compileSimilar(key patternKey) (*regexp.Regexp, error) {
	escape := []rune(key.flags)
	if len(escape) > 1 {
		return nil, plan.Errorf(0, "22025", "invalid escape string").WithHint("The escape string must be empty or one character.")
	}
	parts := []string{""}
	escaped, inClass := false, false
	add := func(s string) { parts[len(parts)-1] += s }
	for _, r := range key.pattern {
		switch {
		case escaped && r == '"':
			parts, escaped = append(parts, ""), false
		case escaped:
			add(regexp.QuoteMeta(string(r)))
			escaped = false
		case len(escape) == 1 && r == escape[0]:
			escaped = true
		case inClass:
			add(strings.ReplaceAll(string(r), `\`, `\\`))
			inClass = r != ']'
		case r == '[':
			add("[")
			inClass = true
		case r == '%':
			add(".*")
		case r == '_':
			add(".")
		case r == '(':
			add("(?:")
		case strings.ContainsRune(`.^$\`, r):
			add(`\` + string(r))
		default:
			add(string(r))
		}
	}
	const separators = 2
	switch {
	case escaped:
		return nil, plan.Errorf(0, "2201B", "invalid regular expression: it ends with its escape character")
	case len(parts) > separators+1:
		return nil, plan.Errorf(0, "2200C", "SQL regular expression may not contain more than two escape-double-quote separators")
	case len(parts) == 1:
		parts = []string{"", parts[0], ""}
	case len(parts) == separators:
		parts = append(parts, "")
	}
	pattern := "(?s)^(?:" + parts[0] + ")((?:" + parts[1] + "))(?:" + parts[2] + ")$"
	if parts[0] != "" {
		pattern = strings.Replace(pattern, "(?:"+parts[0]+")", "(?U:"+parts[0]+")", 1) // the first part takes the least
	}
	return compileRegexp(patternKey{pattern: pattern})
}
