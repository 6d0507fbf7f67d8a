package eval

import (
	"strings"
	"unicode/utf8"

	"github.com/trellisdb/trellis/engine/plan"
)

// likePattern is a pattern of LIKE taken apart: runs of characters between the %.
type likePattern struct {
	runs []likeRun
	fold bool // ILIKE: compared in lower case
}

// likeRun is a run of a pattern: a text, in which _ stands for any character.
type likeRun struct {
	text string
	any  []bool // per byte of text: a _; nil: there is none
}

// matchLike is LIKE or, with fold, ILIKE.
func matchLike(fold bool) vectorFunc {
	return func(c *callContext, args []Vector, n int) (Vector, error) {
		var pattern *likePattern
		var last [2]string
		out := make([]bool, n)
		valid, err := c.each(args, n, func(i int) error {
			key := [2]string{text(args, 1, i), `\`}
			if len(args) == 3 {
				key[1] = text(args, 2, i)
			}
			if pattern == nil || key != last {
				var err error
				if pattern, err = compileLike(key[0], key[1], fold); err != nil {
					return err
				}
				last = key
			}
			out[i] = pattern.match(text(args, 0, i))
			return nil
		})
		return of(out, valid), err
	}
}

func compileLike(pattern, escape string, fold bool) (*likePattern, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return nil, plan.Errorf(0, "22025", "invalid escape string").WithHint("An escape string is empty or one character.")
	}
	p := &likePattern{fold: fold}
	if fold {
		pattern, escape = strings.ToLower(pattern), strings.ToLower(escape)
	}
	var run likeRun
	add := func(text string, any bool) {
		if any && run.any == nil {
			run.any = make([]bool, len(run.text))
		}
		if run.text += text; run.any != nil {
			run.any = append(run.any, any)
			run.any = append(run.any, make([]bool, len(text)-1)...)
		}
	}
	literal := false
	for _, r := range pattern {
		switch {
		case literal:
			add(string(r), false)
			literal = false
		case string(r) == escape:
			literal = true
		case r == '%':
			p.runs = append(p.runs, run)
			run = likeRun{}
		case r == '_':
			add("_", true)
		default:
			add(string(r), false)
		}
	}
	if literal {
		return nil, plan.Errorf(0, "22025", "LIKE pattern must not end with escape character")
	}
	p.runs = append(p.runs, run)
	return p, nil
}

// match reports whether a text matches: the first run at its start, the last at its
// end, and the others between them, each at the first place where it is found.
func (p *likePattern) match(s string) bool {
	if p.fold {
		s = strings.ToLower(s)
	}
	end, ok := p.runs[0].prefix(s)
	if !ok {
		return false
	}
	if len(p.runs) == 1 {
		return end == len(s)
	}
	s = s[end:]
	for _, run := range p.runs[1 : len(p.runs)-1] {
		if end, ok = run.find(s); !ok {
			return false
		}
		s = s[end:]
	}
	return p.runs[len(p.runs)-1].suffix(s)
}

// prefix reports whether a text begins with the run, and where the run then ends.
func (r *likeRun) prefix(s string) (end int, ok bool) {
	if r.any == nil {
		return len(r.text), strings.HasPrefix(s, r.text)
	}
	for i := range len(r.text) {
		switch {
		case end == len(s):
			return 0, false
		case r.any[i]:
			_, size := utf8.DecodeRuneInString(s[end:])
			end += size
		case s[end] != r.text[i]:
			return 0, false
		default:
			end++
		}
	}
	return end, true
}

// find returns where the first occurrence of the run ends.
func (r *likeRun) find(s string) (end int, ok bool) {
	if r.any == nil {
		i := strings.Index(s, r.text)
		return i + len(r.text), i >= 0
	}
	for i := range s { // character by character
		if end, ok = r.prefix(s[i:]); ok {
			return i + end, true
		}
	}
	return 0, false
}

// suffix reports whether a text ends with the run.
func (r *likeRun) suffix(s string) bool {
	if r.any == nil {
		return strings.HasSuffix(s, r.text)
	}
	from := len(s)
	for i := len(r.text) - 1; i >= 0; i-- {
		switch {
		case from == 0:
			return false
		case r.any[i]:
			_, size := utf8.DecodeLastRuneInString(s[:from])
			from -= size
		case s[from-1] != r.text[i]:
			return false
		default:
			from--
		}
	}
	return true
}
