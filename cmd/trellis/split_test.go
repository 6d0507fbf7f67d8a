package main

import (
	"slices"
	"strings"
	"testing"
)

func TestStatementsEndAtTheirSemicolons(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		rest       string
	}{
		{"two and a rest", "SELECT 1; SELECT 2 ;SELECT 3", []string{"SELECT 1", "SELECT 2"}, "SELECT 3"},
		{"nothing", " \n;; -- no\n /* none */", nil, ""},
		{"a semicolon in quotes", "SELECT ';', 'it''s;', \";\"\";\"; x", []string{`SELECT ';', 'it''s;', ";"";"`}, "x"},
		{"a backslash escapes only in E''", `SELECT '\'; SELECT E'\';'; y`, []string{`SELECT '\'`, `SELECT E'\';'`}, "y"},
		{"a word that ends with e begins no escape", `SELECT date'\'; z`, []string{`SELECT date'\'`}, "z"},
		{"dollar quotes", "SELECT $$;$$, $a$;$$;$a$; SELECT $1; u", []string{"SELECT $$;$$, $a$;$$;$a$", "SELECT $1"}, "u"},
		{"a dollar in a name", "SELECT a$b$; SELECT c$b$", []string{"SELECT a$b$"}, "SELECT c$b$"},
		{"comments", "SELECT 1 -- ;\n+ 1; /* ; /* ; */ ; */ SELECT 2;", []string{"SELECT 1 -- ;\n+ 1", "SELECT 2"}, ""},
		{"a quote that is not closed", "SELECT ';", nil, "SELECT ';"},
		{"a comment that is not closed", "SELECT /* ;", nil, "SELECT /* ;"},
		{"a dollar quote that is not closed", "SELECT $x$ ;", nil, "SELECT $x$ ;"},
	}
	for _, test := range tests {
		list, rest := splitStatements(test.text)
		var got []string
		for _, st := range list {
			got = append(got, st.text)
		}
		if !slices.Equal(got, test.want) || rest.text != test.rest {
			t.Errorf("%s: %q and %q, want %q and %q", test.name, got, rest.text, test.want, test.rest)
		}
	}
}

func TestStatementsKnowTheirLine(t *testing.T) {
	list, rest := splitStatements("-- one\nSELECT\n1;\n\n /* x\n */ SELECT 2; SELECT 3")
	if list[0].line != 2 || list[1].line != 6 || rest.line != 6 {
		t.Errorf("the lines are %d, %d, %d", list[0].line, list[1].line, rest.line)
	}
}

func FuzzNoTextIsLostBetweenStatements(f *testing.F) {
	f.Add("SELECT 1; SELECT $a$;$a$ -- ;\n; E'\\';'")
	f.Add("/*;*/;\"a;\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		list, rest := splitStatements(text)
		at := 0
		for _, st := range append(list, rest) {
			i := strings.Index(text[at:], st.text)
			if i < 0 {
				t.Fatalf("%q is not in %q", st.text, text[at:])
			}
			at += i + len(st.text)
		}
	})
}
