// The house checks: what STYLE rules can be held by a machine are held by the tests
// in the files arch_*_test.go. They read the sources; only the linter compiles them.
package trellis_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/trellisdb/trellis"

// mayImport is the house: every package of the module, and the packages of the
// module that it may import. Arrows run down, from floor 5 to floor 1, and the two
// towers on floor 3, engine and store, do not know each other. A package that ends
// in /... stands for itself and all packages below it. Tests may import what they
// like.
var mayImport = map[string][]string{
	// Floor 5 and 4: wiring and wire.
	"cmd/...": {"...", "flight/...", "engine/...", "store/...", "meta/...", "columnar/..."},
	".":       {"engine/...", "store/...", "meta/...", "columnar/..."},
	"flight":  {"engine/...", "meta", "columnar", "columnar/memory", "columnar/zone"},

	// Floor 3, the engine: questions.
	"engine":            {"engine/...", "meta", "columnar", "columnar/memory", "columnar/zone"},
	"engine/plan":       {"columnar", "columnar/zone"},
	"engine/sql":        {"engine/plan", "meta", "columnar", "columnar/zone"},
	"engine/sql/sqlgen": {"engine/plan"},
	"engine/substrait":  {"engine/plan", "meta", "columnar", "columnar/zone"},
	"engine/optimize":   {"engine/plan", "engine/eval", "columnar", "columnar/zone"},
	"engine/eval":       {"engine/plan", "columnar", "columnar/kernel", "columnar/zone"},
	"engine/exec":       {"engine/plan", "engine/eval", "columnar", "columnar/kernel", "columnar/memory", "columnar/zone"},
	"engine/ingest":     {"engine/plan", "meta", "columnar", "columnar/zone"},

	// Floor 3, the store: cells.
	"store":                   {"store/wal", "store/object", "meta", "columnar", "columnar/codec", "columnar/kernel", "columnar/memory", "columnar/segment"},
	"store/backup":            {"store", "store/object", "meta", "columnar", "columnar/segment"},
	"store/wal":               {"columnar"},
	"store/object":            {},
	"store/object/cache":      {"store/object"},
	"store/object/s3":         {"store/object"},
	"store/object/s3/s3test":  {"store/object/s3"},
	"store/object/objecttest": {"store/object"},
	"store/wal/waltest":       {"store/wal"},

	// Floor 2: what exists.
	"meta":          {"columnar", "columnar/codec", "columnar/zone"},
	"meta/metatest": {"meta", "columnar"},
	"meta/tables":   {"meta", "columnar", "columnar/zone"},
	"meta/sqlite":   {"meta", "meta/tables", "columnar"},
	"meta/postgres": {"meta", "meta/tables", "columnar"},

	"meta/postgres/postgrestest": {},
	"meta/sqlite/sqlitetest":     {"meta/sqlite"},

	// Floor 1: the ground that both towers stand on.
	"columnar":         {"columnar/codec", "columnar/kernel", "columnar/zone"},
	"columnar/segment": {"columnar", "columnar/codec", "columnar/kernel", "columnar/zone"},
	"columnar/codec":   {},
	"columnar/kernel":  {},
	"columnar/zone":    {},
	"columnar/memory":  {},

	// Programs that write sources.
	"columnar/codec/internal/...":  {},
	"columnar/kernel/internal/...": {},
	"columnar/zone/internal/...":   {},
}

// onlyIn says which packages may import a library that belongs in one place. A
// library stands for all packages below it.
var onlyIn = map[string][]string{
	"google.golang.org/grpc":                      {"flight", "cmd/..."},
	"github.com/apache/arrow-go/v18/arrow/ipc":    {"flight", "cmd/..."},
	"github.com/apache/arrow-go/v18/arrow/flight": {"flight", "cmd/..."},
	"github.com/apache/arrow-go/v18/parquet":      {"cmd/..."},
	"github.com/pganalyze/pg_query_go":            {"engine/sql"},
	"github.com/substrait-io":                     {"engine/substrait", "flight"},
	"github.com/aws":                              {"store/object/s3"},
	"github.com/mmcloughlin/avo":                  {"columnar/codec/internal/...", "columnar/kernel/internal/..."},
	"github.com/spf13/cobra":                      {"cmd/..."},
	"github.com/pressly/goose":                    {"meta/sqlite", "meta/postgres"},
	"modernc.org/sqlite":                          {"meta/sqlite"},
	"github.com/jackc/pgx":                        {"meta/postgres/..."},
	"database/sql":                                {"meta/tables", "meta/sqlite", "meta/postgres", "meta/metatest"},
}

func TestImportsRunDown(t *testing.T) {
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		allowed, known := lookup(mayImport, f.pkg)
		if !known {
			t.Errorf("%s: package %q has no place in the house: give it a line in mayImport", f.path, f.pkg)
			continue
		}
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if inside, ok := insideModule(imported); ok {
				if !matches(allowed, inside) {
					t.Errorf("%s: package %s may not import %s", f.at(spec), f.pkg, inside)
				}
				continue
			}
			for library, importers := range onlyIn {
				if (imported == library || strings.HasPrefix(imported, library+"/")) && !matches(importers, f.pkg) {
					t.Errorf("%s: only %v may import %s", f.at(spec), importers, library)
				}
			}
		}
	}
}

// insideModule returns the path of a package of this module below its root.
func insideModule(imported string) (string, bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// lookup returns what the table says of a package: its own line, or else the one of
// the longest path above it that ends in /...
func lookup(table map[string][]string, pkg string) ([]string, bool) {
	if line, ok := table[pkg]; ok {
		return line, true
	}
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if line, ok := table[dir+"/..."]; ok {
			return line, true
		}
	}
	return nil, false
}

// matches reports whether a package is on a list of packages.
func matches(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		above, below := strings.CutSuffix(entry, "/...")
		return entry == pkg || entry == "..." || below && (pkg == above || strings.HasPrefix(pkg, above+"/"))
	})
}

// A source is one Go file of the module.
type source struct {
	path  string // below the module's root
	pkg   string // its package's path below the module's root
	test  bool
	lines int
	ast   *ast.File
	files *token.FileSet
}

// at returns the place of a node as file:line.
func (s source) at(n ast.Node) string { return s.place(n.Pos()) }

func (s source) place(p token.Pos) string { return s.path + ":" + strconv.Itoa(s.line(p)) }

func (s source) line(p token.Pos) int { return s.files.Position(p).Line }

// sources returns every Go file of the module but generated ones, parsed.
func sources(t *testing.T) []source {
	t.Helper()
	list, err := parseModule()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var parseModule = sync.OnceValues(func() ([]source, error) {
	var list []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(name)
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || ast.IsGenerated(parsed) {
			return err
		}
		name = filepath.ToSlash(name)
		list = append(list, source{
			path:  name,
			pkg:   path.Dir(name),
			test:  strings.HasSuffix(name, "_test.go"),
			lines: files.File(parsed.Pos()).LineCount(),
			ast:   parsed,
			files: files,
		})
		return nil
	})
	return list, err
})

// skipDir passes over directories that hold nothing of this module.
func skipDir(name string) error {
	base := filepath.Base(name)
	if name == "." {
		return nil
	}
	if base == "testdata" || base == "build" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}
