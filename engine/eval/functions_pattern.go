package eval

import (
	"regexp"
	"strings"

	"github.com/trellisdb/trellis/engine/plan"
)

// LIKE, which is in like.go, and regular expressions. The latter are Go's RE2: linear
// in time, without back references and look-around.
var (
	_ = register("like", matchLike(false), plan.Text, plan.Text)
	_ = register("like", matchLike(false), plan.Text, plan.Text, plan.Text)
	_ = register("ilike", matchLike(true), plan.Text, plan.Text)
	_ = register("ilike", matchLike(true), plan.Text, plan.Text, plan.Text)
	_ = register("~", matchRegexp("", true), plan.Text, plan.Text)
	_ = register("~*", matchRegexp("i", true), plan.Text, plan.Text)
	_ = register("!~", matchRegexp("", false), plan.Text, plan.Text)
	_ = register("!~*", matchRegexp("i", false), plan.Text, plan.Text)
	_ = register("regexp_like", matchRegexp("", true), plan.Text, plan.Text)
	_ = register("regexp_like", matchRegexp("", true), plan.Text, plan.Text, plan.Text)
	_ = register("regexp_replace", replaceRegexp, plan.Text, plan.Text, plan.Text)
	_ = register("regexp_replace", replaceRegexp, plan.Text, plan.Text, plan.Text, plan.Text)
	_ = register("regexp_substr", findRegexp(0), plan.Text, plan.Text)
	_ = register("substring", findRegexp(1), plan.Text, plan.Text)
)

// patternKey is what determines a compiled pattern.
type patternKey struct{ pattern, flags string }

// patterns are the compiled patterns of a batch; mostly there is one.
type patterns struct {
	compile func(patternKey) (*regexp.Regexp, error)
	by      map[patternKey]*regexp.Regexp
	last    patternKey
	hit     *regexp.Regexp
}

func newPatterns(compile func(patternKey) (*regexp.Regexp, error)) *patterns {
	return &patterns{compile: compile, by: map[patternKey]*regexp.Regexp{}}
}

func (p *patterns) find(key patternKey) (*regexp.Regexp, error) {
	if p.hit != nil && key == p.last {
		return p.hit, nil
	}
	re, ok := p.by[key]
	if !ok {
		var err error
		if re, err = p.compile(key); err != nil {
			return nil, err
		}
		p.by[key] = re
	}
	p.last, p.hit = key, re
	return re, nil
}

// text returns argument k of row i.
func text(args []Vector, k, i int) string { return args[k].Strs[i&args[k].mask()] }

// compileRegexp compiles a pattern with PostgreSQL's flags. Without any, a dot
// matches line breaks and ^ and $ do not look at them.
func compileRegexp(k patternKey) (*regexp.Regexp, error) {
	fold, lines, dot, literal := "", "", "s", false
	for _, f := range k.flags {
		switch f {
		case 'i':
			fold = "i"
		case 'c':
			fold = ""
		case 's':
			dot, lines = "s", ""
		case 'n', 'm':
			dot, lines = "", "m"
		case 'p':
			dot, lines = "", ""
		case 'w':
			dot, lines = "s", "m"
		case 'q':
			literal = true
		case 'g', 't':
		default:
			return nil, plan.Errorf(0, plan.CodeInvalidValue, "invalid regular expression option: %q", f).WithHint("The options are c, g, i, m, n, p, q, s and w.")
		}
	}
	pattern := k.pattern
	if literal {
		pattern = regexp.QuoteMeta(pattern)
	}
	if set := fold + lines + dot; set != "" {
		pattern = "(?" + set + ")" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, plan.Errorf(0, "2201B", "invalid regular expression: %v", err).WithHint("Regular expressions are RE2's, without back references and look-around.")
	}
	return re, nil
}

func matchRegexp(flags string, answer bool) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		seen := newPatterns(compileRegexp)
		out := make([]bool, n)
		valid, err := c.each(args, n, func(i int) error {
			key := patternKey{text(args, 1, i), flags}
			if len(args) == 3 {
				key.flags += text(args, 2, i)
			}
			re, err := seen.find(key)
			if err != nil {
				return err
			}
			out[i] = re.MatchString(text(args, 0, i)) == answer
			return nil
		})
		return of(out, valid), err
	}
}

func replaceRegexp(c *callContext, args []Vector, n int) (Vector, error) {
	seen := newPatterns(compileRegexp)
	out := make([]string, n)
	valid, err := c.each(args, n, func(i int) error {
		key := patternKey{pattern: text(args, 1, i)}
		if len(args) == 4 {
			key.flags = text(args, 3, i)
		}
		re, err := seen.find(key)
		if err != nil {
			return err
		}
		limit := 1
		if strings.Contains(key.flags, "g") {
			limit = -1
		}
		if out[i], err = substitute(re, text(args, 0, i), text(args, 2, i), limit); err != nil {
			return err
		}
		return c.grow(len(out[i]))
	})
	return of(out, valid), err
}

// maxMatches is how many matches are replaced in a text; all are known at once.
const maxMatches = 1 << 18

// substitute replaces matches; \1 to \9 and \& in the replacement refer to the match.
func substitute(re *regexp.Regexp, s, replacement string, limit int) (string, error) {
	var b strings.Builder
	end := 0
	if limit < 0 {
		limit = maxMatches + 1
	}
	all := re.FindAllStringSubmatchIndex(s, limit)
	if len(all) > maxMatches {
		return "", plan.Errorf(0, plan.CodeTooMany, "a regular expression that matches more than %d times", maxMatches)
	}
	for _, m := range all {
		b.WriteString(s[end:m[0]])
		for i := 0; i < len(replacement); i++ {
			c := replacement[i]
			if c != '\\' || i+1 == len(replacement) {
				b.WriteByte(c)
				continue
			}
			i++
			group := -1
			switch d := replacement[i]; {
			case d == '&':
				group = 0
			case d >= '1' && d <= '9':
				group = int(d - '0')
			default:
				b.WriteByte(d)
			}
			if group >= 0 && 2*group+1 < len(m) && m[2*group] >= 0 {
				b.WriteString(s[m[2*group]:m[2*group+1]])
			}
		}
		end = m[1]
		if b.Len() > maxTextResult {
			return "", tooLong()
		}
	}
	b.WriteString(s[end:])
	return b.String(), nil
}

// findRegexp returns the first match, or its group where it has one and that is
// asked for; NULL where that matched nothing.
func findRegexp(group int) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		seen := newPatterns(compileRegexp)
		return nullable(func(_ *callContext, args []Vector, i int) (string, bool, error) {
			re, err := seen.find(patternKey{pattern: text(args, 1, i)})
			if err != nil {
				return "", false, err
			}
			s := text(args, 0, i)
			m := re.FindStringSubmatchIndex(s)
			at := 2 * min(group, len(m)/2-1)
			if m == nil || m[at] < 0 {
				return "", false, nil
			}
			return s[m[at]:m[at+1]], true, nil
		})(c, args, n)
	}
}
