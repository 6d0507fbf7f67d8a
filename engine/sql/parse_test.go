package sql

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/trellisdb/trellis/engine/plan"
)

// codeOf returns the SQLSTATE and position of an error, empty for none.
func codeOf(t *testing.T, err error) (code string, pos int) {
	t.Helper()
	if err == nil {
		return "", 0
	}
	var mistake *plan.Error
	if !errors.As(err, &mistake) {
		t.Fatalf("%v is no *plan.Error", err)
	}
	return mistake.Code, mistake.Pos
}

func TestParseBoundsStatements(t *testing.T) {
	tests := []struct {
		name string
		text string
		code string
		pos  int
	}{
		{"an empty text", "", plan.CodeSyntax, 0},
		{"a comment alone", "-- nothing\n", plan.CodeSyntax, 0},
		{"a semicolon at the end", "SELECT 1 ; -- done", "", 0},
		{"two statements", "SELECT 'ä'; SELECT 2", plan.CodeSyntax, 13},
		{"a text that is no UTF-8", "SELECT '\xff'", plan.CodeInvalidEncoding, 0},
		{"a zero byte", "SELECT 1\x00", plan.CodeInvalidEncoding, 0},
		{"a statement of more than a mebibyte", "SELECT '" + strings.Repeat("x", MaxLength) + "'", plan.CodeTooComplex, 0},
		{"parentheses 150 deep", "SELECT " + strings.Repeat("(", 150) + "1" + strings.Repeat(")", 150), "", 0},
		{"parentheses 201 deep", "SELECT " + strings.Repeat("(", 201) + "1" + strings.Repeat(")", 201), plan.CodeTooComplex, 208},
		{"parentheses in a string are none", "SELECT '" + strings.Repeat("(", 5000) + "'", "", 0},
		{"parentheses in a comment are none", "SELECT 1 /* /* " + strings.Repeat("(", 5000) + " */ */", "", 0},
		{"parentheses in a dollar-quoted string are none", "SELECT $x$" + strings.Repeat("(", 5000) + "$x$", "", 0},
		{"a quote in a string with escapes does not end it", `SELECT E'\'` + strings.Repeat("(", 5000) + "'", "", 0},
		{"a dollar in a name begins no string", "SELECT a$x$ + " + strings.Repeat("(", 5000), plan.CodeTooComplex, 215},
		{"a sum of 900 terms", "SELECT 1" + strings.Repeat(" + 1", 900), "", 0},
		{"a sum of 1,100 terms", "SELECT 1" + strings.Repeat("+1", 1100), plan.CodeTooComplex, 2009},
		{"NOT 1,100 times", "SELECT " + strings.Repeat("NOT ", 1100) + "true", plan.CodeTooComplex, 4008},
		{"a list of 50,000 negative numbers", "SELECT 1 IN (" + strings.Repeat("-1, ", 50_000) + "1)", "", 0},
		{"5,000 conditions joined by OR", "SELECT 1 = 1" + strings.Repeat(" OR 1 = 2", 5000), "", 0},
		{"UNION of 1,100 queries", "SELECT 1" + strings.Repeat(" UNION SELECT 1", 1100), plan.CodeTooComplex, 15010},
		{"comments 190 deep", "SELECT 1" + strings.Repeat("/*", 190) + strings.Repeat("*/", 190), "", 0},
		{"comments 201 deep", "SELECT 1 " + strings.Repeat("/*", 201) + strings.Repeat("*/", 201), plan.CodeTooComplex, 10},
		{"50,000 comments without a blank between", "SELECT 1 " + strings.Repeat("/**/", 50_000), plan.CodeTooComplex, 90},
		{"50,000 comments with blanks between", "SELECT 1 " + strings.Repeat("/**/ ", 50_000), "", 0},
		{"CASE 201 deep", "SELECT " + strings.Repeat("CASE WHEN true THEN ", 201) + "1" + strings.Repeat(" END", 201), plan.CodeTooComplex, 4008},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.text)
			code, pos := codeOf(t, err)
			if code != tt.code || pos != tt.pos {
				t.Errorf("got SQLSTATE %q at %d, want %q at %d (%.200v)", code, pos, tt.code, tt.pos, err)
			}
		})
	}
}

// TestLimitsOfLowering builds statements that the parser takes and lowering refuses.
func TestLimitsOfLowering(t *testing.T) {
	doubling := "WITH a0 AS (SELECT 1 AS x)"
	for i := range 30 {
		doubling += ", a" + itoa(i+1) + " AS (SELECT l.x FROM a" + itoa(i) + " l, a" + itoa(i) + " r)"
	}
	tests := []struct {
		name string
		text string
		code string
	}{
		{"a thousand columns", "SELECT " + strings.Repeat("1, ", 999) + "1", ""},
		{"two thousand columns", "SELECT " + strings.Repeat("1, ", 1999) + "1", plan.CodeTooMany},
		{"CTEs that double each other", doubling + " SELECT * FROM a30", plan.CodeTooComplex},
		{"a cube of cubes", "SELECT 1 FROM samples GROUP BY " + strings.Repeat("CUBE (series, time, value, text), ", 4) + "edit", plan.CodeTooMany},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stmt, err := Parse(tt.text)
			if err == nil {
				_, _, err = Lower(stmt, testScope(t))
			}
			if code, _ := codeOf(t, err); code != tt.code {
				t.Errorf("got SQLSTATE %q, want %q (%v)", code, tt.code, err)
			}
		})
	}
}

func TestPositionsCountCharacters(t *testing.T) {
	text := strings.Repeat("SELECT 'ä€😀', ", 1) + strings.Repeat("'ß', ", 500) + "x"
	s := &Statement{text: text}
	s.countCharacters()
	n := 1
	for offset := range text {
		if got := s.pos(int32(offset)); got != n {
			t.Fatalf("byte %d is character %d, want %d", offset, got, n)
		}
		n++
	}
	if got := s.pos(int32(len(text))); got != n {
		t.Errorf("the end is character %d, want %d", got, n)
	}
	if got := s.pos(-1); got != 0 {
		t.Errorf("no offset is character %d, want 0", got)
	}
}

func TestIsUpdate(t *testing.T) {
	for text, want := range map[string]bool{
		"SELECT 1": false, "VALUES (1)": false, "SHOW ALL": false, "EXPLAIN INSERT INTO samples VALUES ('a', now(), 1)": false,
		"INSERT INTO samples VALUES ('a', now(), 1)": true, "UPDATE series SET unit = 'K'": true, "SET a.b = 1": true,
	} {
		stmt, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := stmt.IsUpdate(); got != want {
			t.Errorf("%s: update %v, want %v", text, got, want)
		}
	}
}

// TestDeclaredParameters checks that types which the client declares are kept.
func TestDeclaredParameters(t *testing.T) {
	stmt, err := Parse("SELECT $1, $2 + 1")
	if err != nil {
		t.Fatal(err)
	}
	scope := testScope(t)
	scope.Params = []plan.Type{plan.Date, plan.Double}
	n, params, err := Lower(stmt, scope)
	if err != nil {
		t.Fatal(err)
	}
	if fields := n.Fields(); fields[0].Type != plan.Date || fields[1].Type != plan.Double || params[0] != plan.Date || params[1] != plan.Double {
		t.Errorf("columns %v and parameters %v, want date and double precision", fields, params)
	}
	if scope.Params[0] != plan.Date || len(scope.Params) != 2 {
		t.Errorf("the scope's parameters were changed to %v", scope.Params)
	}
}

// TestLowerIsPure lowers one statement many times at once: a Statement is not changed,
// and the plans are the same.
func TestLowerIsPure(t *testing.T) {
	stmt, err := Parse("WITH x AS (SELECT * FROM samples WHERE series = $1) SELECT time_bucket('1 day', time), integral(value) FROM x GROUP BY 1 ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	scope := testScope(t)
	first, _, err := Lower(stmt, scope)
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Sprint(first)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error {
			for range 50 {
				n, _, err := Lower(stmt, scope)
				if err != nil {
					return err
				}
				if got := plan.Sprint(n); got != want {
					return errors.New("another plan: " + got)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}
