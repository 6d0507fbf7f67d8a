package sql

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/trellisdb/trellis/engine/plan"
)

// FuzzLower checks on arbitrary text that nothing panics (Q3), that what is lowered is
// a valid plan, and that what is refused is refused as a user's mistake at a place in
// the text.
func FuzzLower(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, statement := range statements(string(content)) {
			f.Add(statement)
		}
	}
	scope := testScope(f)
	f.Fuzz(func(t *testing.T, text string) {
		stmt, err := Parse(text)
		var n plan.Node
		if err == nil {
			n, _, err = Lower(stmt, scope)
		}
		if err == nil {
			if err := plan.Validate(n); err != nil {
				t.Fatalf("%s\nlowers to an invalid plan: %v\n%s", text, err, plan.Sprint(n))
			}
			if plan.Sprint(n) == "" {
				t.Fatalf("%s\nprints as nothing", text)
			}
			return
		}
		var mistake *plan.Error
		if !errors.As(err, &mistake) || mistake.Code == "" || mistake.Msg == "" {
			t.Fatalf("%s\nis refused with %#v", text, err)
		}
		if mistake.Pos < 0 || mistake.Pos > utf8.RuneCountInString(text)+1 {
			t.Fatalf("%s\nis refused at %d: %v", text, mistake.Pos, err)
		}
		_ = mistake.Show(text)
	})
}

// BenchmarkLower lowers a parsed statement that has implicit columns, so that it is
// lowered twice.
func BenchmarkLower(b *testing.B) {
	const text = "SELECT time_bucket('1 month', time) AS month, avg(value) FROM samples WHERE series = $1 AND time >= '2015-01-01' GROUP BY 1 ORDER BY 1"
	scope := testScope(b)
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	stmt, err := Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("lower", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := Lower(stmt, scope); err != nil {
				b.Fatal(err)
			}
		}
	})
}
