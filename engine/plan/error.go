package plan

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a user's mistake: something in a statement, in its parameters or in
// the data that it writes. Everything else that goes wrong is another error.
type Error struct {
	Pos  int    // 1-based character position in the statement; 0: none
	Code string // SQLSTATE
	Msg  string
	Hint string // what to do about it; may be empty
}

// The SQLSTATE codes in use.
const (
	CodeSyntax          = "42601"
	CodeUndefTable      = "42P01"
	CodeUndefColumn     = "42703"
	CodeUndefFunction   = "42883"
	CodeUndefObject     = "42704"
	CodeUndefParameter  = "42P02"
	CodeAmbiguous       = "42702"
	CodeDuplicateAlias  = "42712"
	CodeDuplicateColumn = "42701"
	CodeGrouping        = "42803"
	CodeBadReference    = "42P10"
	CodeWindowing       = "42P20"
	CodeTypeMismatch    = "42804"
	CodeCannotCoerce    = "42846"
	CodeIndeterminate   = "42P18"
	CodeNotSupported    = "0A000"
	CodeInvalidText     = "22P02"
	CodeInvalidEncoding = "22021"
	CodeInvalidValue    = "22023"
	CodeInvalidLimit    = "2201W"
	CodeOutOfRange      = "22003"
	CodeDatetimeFormat  = "22007"
	CodeDatetimeRange   = "22008"
	CodeDivisionByZero  = "22012"
	CodeNullNotAllowed  = "22004"
	CodeNotNull         = "23502"
	CodeUnique          = "23505"
	CodeCheck           = "23514"
	CodeCardinality     = "21000"
	CodeTooComplex      = "54001"
	CodeTooMany         = "54000"
	CodeReadOnly        = "25006"
	CodePrivilege       = "42501"
	CodeUnknownSeries   = "42704"
	CodeUnknownZone     = "22023"
	CodeQueryCanceled   = "57014"
	CodeShutdown        = "57P01" // the server stops
	CodeIdle            = "57P05" // nobody read for too long
	CodeOutOfMemory     = "53200"
	CodeDiskFull        = "53100"
	CodeCorrupt         = "XX001"
	CodeInternal        = "XX000"
)

// Errorf makes an Error at a position (0: none).
func Errorf(pos int, code, format string, args ...any) *Error {
	return &Error{Pos: pos, Code: code, Msg: fmt.Sprintf(format, args...)}
}

// WithHint returns the error with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	with := *e
	with.Hint = fmt.Sprintf(format, args...)
	return &with
}

// Error returns the message with code and hint, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (SQLSTATE %s)", e.Msg, e.Code)
	if e.Pos > 0 {
		fmt.Fprintf(&b, " at character %d", e.Pos)
	}
	if e.Hint != "" {
		b.WriteString("; hint: " + e.Hint)
	}
	return b.String()
}

// Show returns the error over several lines with the line of the statement that
// holds its position and a caret below it, as psql does.
func (e *Error) Show(statement string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ERROR: %s (SQLSTATE %s)", e.Msg, e.Code)
	if e.Pos > 0 && e.Pos <= utf8.RuneCountInString(statement)+1 {
		runes := []rune(statement)
		from, line := 0, 1
		for i, r := range runes[:e.Pos-1] {
			if r == '\n' {
				from, line = i+1, line+1
			}
		}
		to := from
		for to < len(runes) && runes[to] != '\n' {
			to++
		}
		head := fmt.Sprintf("LINE %d: ", line)
		fmt.Fprintf(&b, "\n%s%s\n%s^", head, string(runes[from:to]), strings.Repeat(" ", len(head)+e.Pos-1-from))
	}
	if e.Hint != "" {
		b.WriteString("\nHINT: " + e.Hint)
	}
	return b.String()
}
