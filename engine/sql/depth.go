package sql

import (
	"fmt"
	"strings"
)

// The deepest nesting that is parsed: of parentheses and CASE, and of operators,
// set operations and joins, which the parser nests to the left. The parser walks
// its tree by recursion on a C stack that a few ten thousand levels overflow.
const (
	maxParens = 200
	maxChain  = 1000
)

// Where a comment begins, the parser's lexer reads on over all that could be of an
// operator, and comes back: comments in comments, and one right after the other, take
// it time that grows with the square of their number. So much it may read twice, in
// bytes, and so deep comments may be nested.
const (
	maxReread   = 4 << 20
	maxComments = 200
)

// level is the text between a parenthesis and its end.
type level struct {
	operators int // that may nest into each other since the last comma, AND or OR
	clauses   int // set operations and joins
}

// depthScanner follows the nesting of a statement without parsing it.
type depthScanner struct {
	text  string
	at    int
	stack []level
	deep  int // sum over stack
	e     int // the end of the last word that was an e, which makes '…' a string with escapes

	comments int // the deepest nesting of them
	reread   int // bytes that the lexer reads over and over
	run      int // where the last run of bytes of operators ends
}

// tooDeep returns where a statement nests too deeply, and what does; a negative
// offset where it does not.
func tooDeep(text string) (at int, what string) {
	s := depthScanner{text: text, stack: []level{{}}}
	for s.at < len(text) {
		start := s.at
		s.token()
		switch {
		case len(s.stack)-1 > maxParens:
			return start, fmt.Sprintf("statement is nested more than %d levels deep", maxParens)
		case s.deep > maxChain:
			return start, fmt.Sprintf("expression chains more than %d operators", maxChain)
		case s.comments > maxComments, s.reread > maxReread:
			return start, fmt.Sprintf("comments are nested more than %d levels deep, or follow each other too closely", maxComments)
		}
	}
	return -1, ""
}

// token takes one token.
func (s *depthScanner) token() {
	c := s.text[s.at]
	switch {
	case c == '\'' || c == '"':
		s.quoted(c)
	case strings.HasPrefix(s.text[s.at:], "--"):
		s.skipTo("\r\n")
	case strings.HasPrefix(s.text[s.at:], "/*"):
		s.comment()
	case c == '$':
		s.dollar()
	case c == '(' || c == '[':
		s.stack = append(s.stack, level{})
		s.at++
	case c == ')' || c == ']':
		s.pop()
		s.at++
	case c == ',' || c == ';':
		s.restart()
		s.at++
	case strings.IndexByte("+-*/<>=~!@#%^&|`?:", c) >= 0:
		s.nest() // each byte may be an operator
		s.at++
	case isWordByte(c):
		s.word(s.cutWord())
	default:
		s.at++
	}
}

// cutWord takes a word or a number. A $ may stand in a word, but not in a number.
func (s *depthScanner) cutWord() string {
	start, number := s.at, isDigit(s.text[s.at])
	for s.at < len(s.text) && (isWordByte(s.text[s.at]) || s.text[s.at] == '$' && !number) {
		s.at++
	}
	return s.text[start:s.at]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// word takes the keywords that nest, and those that end a chain of operators.
func (s *depthScanner) word(w string) {
	const longest = 9
	if len(w) > longest {
		return
	}
	switch strings.ToLower(w) {
	case "e":
		s.e = s.at
	case "not", "is", "isnull", "notnull", "at", "collate", "operator", "like", "ilike", "similar", "between", "in", "explain":
		s.nest()
	case "case":
		s.stack = append(s.stack, level{})
	case "end":
		s.pop()
	case "union", "intersect", "except", "join":
		s.restart()
		s.top().clauses++
		s.deep++
	case "and", "or", "when", "then", "else", "where", "on", "from":
		s.restart()
	}
}

func (s *depthScanner) top() *level { return &s.stack[len(s.stack)-1] }

func (s *depthScanner) nest() {
	s.top().operators++
	s.deep++
}

// restart ends a chain of operators.
func (s *depthScanner) restart() {
	s.deep -= s.top().operators
	s.top().operators = 0
}

// pop ends a level; what it held no longer counts.
func (s *depthScanner) pop() {
	s.deep -= s.top().operators + s.top().clauses
	if len(s.stack) > 1 {
		s.stack = s.stack[:len(s.stack)-1]
		return
	}
	s.stack[0] = level{}
}

// quoted skips a string or a quoted name; a doubled quote begins another one, which
// makes no difference. After E, a backslash takes the next byte literally.
func (s *depthScanner) quoted(quote byte) {
	escapes := quote == '\'' && s.at > 0 && s.e == s.at
	for s.at++; s.at < len(s.text); s.at++ {
		switch {
		case escapes && s.text[s.at] == '\\':
			s.at++
		case s.text[s.at] == quote:
			s.at++
			if escapes {
				s.e = s.at // a doubled quote goes on with escapes
			}
			return
		}
	}
	s.at = len(s.text)
}

// comment skips a comment, which may hold others.
func (s *depthScanner) comment() {
	depth := 0
	for s.at < len(s.text) {
		switch {
		case strings.HasPrefix(s.text[s.at:], "/*"):
			depth++
			s.comments = max(s.comments, depth)
			s.readAhead()
			s.at += 2
		case strings.HasPrefix(s.text[s.at:], "*/"):
			depth--
			s.at += 2
		default:
			s.at++
		}
		if depth == 0 {
			return
		}
	}
}

// readAhead counts what the lexer reads of a comment's beginning and gives back.
func (s *depthScanner) readAhead() {
	for s.run = max(s.run, s.at); s.run < len(s.text) && isOperatorByte(s.text[s.run]); {
		s.run++
	}
	s.reread += s.run - s.at
}

func isOperatorByte(c byte) bool { return strings.IndexByte("~!@#^&|`?+-*/%<>=", c) >= 0 }

// dollar skips a dollar-quoted string, or a parameter such as $1.
func (s *depthScanner) dollar() {
	rest := s.text[s.at+1:]
	end := strings.IndexByte(rest, '$')
	if end >= 0 && isTag(rest[:end]) {
		tag := s.text[s.at : s.at+end+2]
		s.at += len(tag)
		if shut := strings.Index(s.text[s.at:], tag); shut >= 0 {
			s.at += shut + len(tag)
		} else {
			s.at = len(s.text)
		}
		return
	}
	for s.at++; s.at < len(s.text) && isDigit(s.text[s.at]); {
		s.at++
	}
}

func isTag(name string) bool {
	for i := range len(name) {
		if !isWordByte(name[i]) || i == 0 && isDigit(name[i]) {
			return false
		}
	}
	return true
}

// skipTo skips what follows, up to one of some bytes.
func (s *depthScanner) skipTo(ends string) {
	end := strings.IndexAny(s.text[s.at:], ends)
	if end < 0 {
		end = len(s.text) - s.at
	}
	s.at += end
}
