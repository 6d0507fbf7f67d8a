package sql

import (
	"errors"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"

	"github.com/trellisdb/trellis/engine/plan"
)

// MaxLength is the largest statement that is parsed, in bytes.
const MaxLength = 1 << 20

// Statement is one parsed statement. It is immutable.
type Statement struct {
	text  string
	ascii bool
	// chars counts the characters before byte i·stride of a text that is not ASCII.
	chars []int32
	node  *pg.Node
}

const stride = 256

// Parse parses a text that holds one statement, with or without a semicolon at its
// end. Errors are *plan.Error.
func Parse(text string) (*Statement, error) {
	if len(text) > MaxLength {
		return nil, plan.Errorf(0, plan.CodeTooComplex, "statement of %d bytes is longer than %d", len(text), MaxLength).
			WithHint("Load data with an ingest stream (DoPut) instead of one INSERT.")
	}
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return nil, plan.Errorf(0, plan.CodeInvalidEncoding, "statement is not valid UTF-8")
	}
	s := &Statement{text: text}
	s.countCharacters()
	if at, what := tooDeep(text); at >= 0 {
		return nil, plan.Errorf(s.pos(int32(at)), plan.CodeTooComplex, "%s", what).
			WithHint("Use fewer levels of nesting; x IN (…) takes a long list.")
	}
	tree, err := pg.Parse(text)
	if err != nil {
		return nil, s.syntaxError(err)
	}
	switch stmts := tree.GetStmts(); len(stmts) {
	case 0:
		return nil, plan.Errorf(0, plan.CodeSyntax, "there is no statement in the text")
	case 1:
		s.node = stmts[0].GetStmt()
		return s, nil
	default:
		at := int(stmts[1].GetStmtLocation())
		at += len(text[at:]) - len(strings.TrimLeft(text[at:], " \t\r\n\f\v"))
		return nil, plan.Errorf(s.pos(int32(at)), plan.CodeSyntax, "cannot run several statements at once").
			WithHint("Send each statement by itself.")
	}
}

// Text returns the statement's text.
func (s *Statement) Text() string { return s.text }

// IsUpdate reports whether the statement writes, or sets a variable, instead of
// yielding rows.
func (s *Statement) IsUpdate() bool {
	switch s.node.GetNode().(type) {
	case *pg.Node_SelectStmt, *pg.Node_ExplainStmt, *pg.Node_VariableShowStmt:
		return false
	}
	return true
}

// syntaxError translates an error of the parser.
func (s *Statement) syntaxError(err error) error {
	var from *parser.Error
	if !errors.As(err, &from) {
		return plan.Errorf(0, plan.CodeTooComplex, "statement is too complex: %s", err)
	}
	code := plan.CodeSyntax
	if strings.Contains(from.Message, "memory exhausted") || strings.Contains(from.Message, "stack depth") {
		code = plan.CodeTooComplex
	}
	// The parser counts its cursor as we do: characters, from 1; 0 stands for none.
	return plan.Errorf(from.Cursorpos, code, "%s", from.Message)
}

// countCharacters prepares pos.
func (s *Statement) countCharacters() {
	s.ascii = true
	for i := range len(s.text) {
		if s.text[i] >= utf8.RuneSelf {
			s.ascii = false
			break
		}
	}
	if s.ascii {
		return
	}
	var n int32
	for i := range len(s.text) {
		if i%stride == 0 {
			s.chars = append(s.chars, n)
		}
		if utf8.RuneStart(s.text[i]) {
			n++
		}
	}
}

// pos returns the 1-based character position of a byte offset, 0 for a negative
// one, which is how the parser says none (Q1).
func (s *Statement) pos(offset int32) int {
	if offset < 0 {
		return 0
	}
	at := min(int(offset), len(s.text))
	if s.ascii || at == 0 {
		return at + 1
	}
	mark := min(at/stride, len(s.chars)-1)
	n := int(s.chars[mark])
	for _, b := range []byte(s.text[mark*stride : at]) {
		if utf8.RuneStart(b) {
			n++
		}
	}
	return n + 1
}
