package main

import "strings"

// statement is one of several in a text.
type statement struct {
	text string
	line int // on which it begins, from 1
}

// splitStatements cuts a text at the semicolons that end statements: those outside of
// quotes ('…', "…", E'…', $tag$…$tag$) and comments. What follows the last semicolon is
// returned apart; it is empty where there are only spaces and comments.
func splitStatements(text string) (done []statement, rest statement) {
	from, line, begun := 0, 1, false
	begin := statement{line: 1}
	for i := 0; i < len(text); {
		if !begun && text[i] != ';' && !isSpace(text[i]) && !strings.HasPrefix(text[i:], "--") && !strings.HasPrefix(text[i:], "/*") {
			begun, from, begin.line = true, i, line
		}
		n := token(text[i:])
		if text[i] == ';' {
			if begun {
				begin.text = strings.TrimSpace(text[from:i])
				done = append(done, begin)
			}
			begun = false
		}
		line += strings.Count(text[i:i+n], "\n")
		i += n
	}
	if begun {
		rest = statement{strings.TrimRight(text[from:], " \t\r\n"), begin.line}
	}
	return done, rest
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// token returns the length of what a text begins with and may have a semicolon in it; 1
// for anything else.
func token(text string) int {
	switch {
	case text[0] == '\'':
		return quoted(text, '\'', false)
	case text[0] == '"':
		return quoted(text, '"', false)
	case (text[0] == 'E' || text[0] == 'e') && len(text) > 1 && text[1] == '\'':
		return 1 + quoted(text[1:], '\'', true)
	case isWord(text[0]):
		n := 1
		for n < len(text) && (isWord(text[n]) || text[n] == '$') {
			n++
		}
		return n
	case text[0] == '$':
		return dollarQuoted(text)
	case strings.HasPrefix(text, "--"):
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			return end
		}
		return len(text)
	case strings.HasPrefix(text, "/*"):
		return comment(text)
	}
	return 1
}

// isWord reports whether a byte is part of a word: an E within one begins no quote, nor
// does a $.
func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// quoted returns the length of a quoted text; a quote that is not closed is all that is
// left.
func quoted(text string, quote byte, escapes bool) int {
	for i := 1; i < len(text); i++ {
		if escapes && text[i] == '\\' {
			i++
			continue
		}
		if text[i] != quote {
			continue
		}
		if i+1 < len(text) && text[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return len(text)
}

// dollarQuoted returns the length of $tag$…$tag$; of a parameter such as $1 that of the
// sign.
func dollarQuoted(text string) int {
	end := strings.IndexByte(text[1:], '$')
	if end < 0 {
		return 1
	}
	tag := text[:end+2]
	for i := 1; i < len(tag)-1; i++ {
		if !isWord(tag[i]) || i == 1 && tag[i] >= '0' && tag[i] <= '9' {
			return 1
		}
	}
	if stop := strings.Index(text[len(tag):], tag); stop >= 0 {
		return len(tag) + stop + len(tag)
	}
	return len(text)
}

// comment returns the length of a comment, which may have others in it.
func comment(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(text[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}
