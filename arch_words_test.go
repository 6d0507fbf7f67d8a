package trellis_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// forbiddenWords are patterns that no text file of the project may match, with the
// reason. Each has a class of one letter in it, so as not to match itself.
var forbiddenWords = map[string]*regexp.Regexp{
	"a path of somebody's machine":       regexp.MustCompile(`(^|[^\w.])/([w]ork|[r]oot|[U]sers|[h]ome/\w+)/`),
	"a registry: leave it to the client": regexp.MustCompile(`\b([p]roxy\.golang\.org|[s]um\.golang\.org|[p]ypi\.org|[p]ythonhosted\.org|[r]egistry\.npmjs|[a]rtifactory|[j]frog)\b`),
	"a setting that belongs to a machine": regexp.MustCompile(
		`\b([G]ONOSUMDB|[G]ONOSUMCHECK|[G]OFLAGS=-insecure|[G]OPROXY=|[P]IP_INDEX_URL|--[i]ndex-url|--[t]rusted-host)`),
	"unfinished work": regexp.MustCompile(`\b([T]ODO|[F]IXME|[X]XX)\b`),
	"a skipped test":  regexp.MustCompile(`\bt\.[S]kip(f|Now)?\(`),
}

// maxText is the largest size of a text file; larger files are data.
const maxText = 1 << 20

func TestNoForbiddenWords(t *testing.T) {
	for _, name := range textFiles(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxText || bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			for reason, pattern := range forbiddenWords {
				if word := pattern.FindString(line); word != "" {
					t.Errorf("%s:%d: %q is %s", name, i+1, strings.TrimSpace(word), reason)
				}
			}
		}
	}
}

// textFiles returns the project's files that people read.
func textFiles(t *testing.T) []string {
	t.Helper()
	skip := []string{".git", "build", ".venv", "node_modules", "__pycache__", ".pytest_cache"}
	data := []string{".csv", ".parquet", ".arrow", ".db", ".sum", ".gz", ".zst"}
	var list []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skip, d.Name()):
			return filepath.SkipDir
		case d.Type().IsRegular() && !slices.Contains(data, filepath.Ext(name)):
			list = append(list, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestForbiddenWordsAreFound(t *testing.T) {
	lines := map[string]bool{
		"see /wor" + "k/main/x":          true,
		"cd /roo" + "t/go":               true,
		"a/wor" + "k/b":                  false,
		"/homepage/":                     false,
		"https://pypi" + ".org/x":        true,
		"// TO" + "DO: later":            true,
		"t.Ski" + "p(\"no network\")":    true,
		"a row is skipped (t.Skipped())": false,
	}
	for line, want := range lines {
		found := false
		for _, pattern := range forbiddenWords {
			found = found || pattern.MatchString(line)
		}
		if found != want {
			t.Errorf("%q is forbidden: %v, want %v", line, found, want)
		}
	}
}
