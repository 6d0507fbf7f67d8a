package trellis_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The largest sizes.
const (
	maxFileLines     = 600
	maxFunctionLines = 80 // lines of tables not counted
	maxFields        = 20
)

// forbiddenNames are names of packages that say nothing about what is inside.
var forbiddenNames = []string{"util", "utils", "common", "base", "helper", "helpers", "types", "misc", "shared", "lib"}

func TestFilesAreShort(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", f.path, f.lines, maxFileLines)
		}
	}
}

func TestFunctionsAreShort(t *testing.T) {
	for _, f := range sources(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			name, body := "a function literal", (*ast.BlockStmt)(nil)
			switch n := n.(type) {
			case *ast.FuncDecl:
				name, body = n.Name.Name, n.Body
			case *ast.FuncLit:
				body = n.Body
			}
			if body == nil {
				return true
			}
			if lines := f.span(n) - f.tableLines(body); lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", f.at(n), name, lines, maxFunctionLines)
			}
			return true
		})
	}
}

// span returns the number of lines from the first of a node to its last.
func (s source) span(n ast.Node) int { return s.line(n.End()) - s.line(n.Pos()) + 1 }

// tableLines returns the number of lines within a node that hold nothing but the
// elements of composite literals. Functions among the elements are code.
func (s source) tableLines(n ast.Node) int {
	lines := 0
	ast.Inspect(n, func(n ast.Node) bool {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		lines += s.line(table.Rbrace) - s.line(table.Lbrace)
		ast.Inspect(table, func(n ast.Node) bool {
			if code, ok := n.(*ast.FuncLit); ok {
				lines -= s.span(code) - s.tableLines(code.Body) - 1
				return false
			}
			return true
		})
		return false
	})
	return lines
}

func TestStructsAreSmall(t *testing.T) {
	for _, f := range sources(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok || f.test {
				return true
			}
			if fields := s.Fields.NumFields(); fields > maxFields {
				t.Errorf("%s: a struct has %d fields, more than %d", f.at(n), fields, maxFields)
			}
			return true
		})
	}
}

func TestPackagesAreNamedByWhatTheyAre(t *testing.T) {
	for _, f := range sources(t) {
		for _, name := range []string{path.Base(f.pkg), f.ast.Name.Name} {
			if slices.Contains(forbiddenNames, name) {
				t.Errorf("%s: a package named %s says nothing about what is inside", f.path, name)
			}
		}
	}
}

func TestPackagesHaveAComment(t *testing.T) {
	commented := map[string]int{}
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		commented[f.pkg] += 0
		if f.ast.Doc == nil {
			continue
		}
		commented[f.pkg]++
		text, want := f.ast.Doc.Text(), "Package "+f.ast.Name.Name+" "
		command := f.ast.Name.Name == "main" && strings.HasPrefix(text, "Command "+path.Base(f.pkg)+" ")
		if !command && !strings.HasPrefix(text, want) {
			t.Errorf("%s: the package comment does not begin with %q", f.path, want)
		}
	}
	for pkg, comments := range commented {
		if comments != 1 {
			t.Errorf("package %s has %d package comments, want one", pkg, comments)
		}
	}
}

func TestExportedNamesHaveAComment(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || f.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Doc == nil && decl.Name.IsExported() && receiverIsExported(decl) {
					t.Errorf("%s: %s has no comment", f.at(decl), decl.Name.Name)
				}
			case *ast.GenDecl:
				checkComments(t, f, decl)
			}
		}
	}
}

// receiverIsExported reports whether a function is no method, or one of a type that
// is seen from outside.
func receiverIsExported(decl *ast.FuncDecl) bool {
	if decl.Recv == nil {
		return true
	}
	receiver := decl.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			return true
		}
	}
}

// checkComments checks a declaration of types, constants or variables. A comment on
// the whole declaration counts for all that it declares, except for types.
func checkComments(t *testing.T, f source, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if !spec.Name.IsExported() {
				continue
			}
			if spec.Doc == nil && spec.Comment == nil && (decl.Doc == nil || decl.Lparen.IsValid()) {
				t.Errorf("%s: type %s has no comment", f.at(spec), spec.Name.Name)
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok {
				checkMethods(t, f, spec.Name.Name, i)
			}
		case *ast.ValueSpec:
			if spec.Doc != nil || spec.Comment != nil || decl.Doc != nil {
				continue
			}
			for _, name := range spec.Names {
				if name.IsExported() {
					t.Errorf("%s: %s has no comment", f.at(spec), name.Name)
				}
			}
		}
	}
}

// checkMethods checks the methods of an interface.
func checkMethods(t *testing.T, f source, name string, i *ast.InterfaceType) {
	for _, method := range i.Methods.List {
		if len(method.Names) > 0 && method.Names[0].IsExported() && method.Doc == nil && method.Comment == nil {
			t.Errorf("%s: method %s.%s has no comment", f.at(method), name, method.Names[0].Name)
		}
	}
}

// clocks are the functions of package time that read the wall clock, fixedRandom the
// names in the packages rand that do not draw from the global source.
var (
	clocks      = []string{"Now", "Since", "Until"}
	fixedRandom = []string{"New", "NewSource", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "Source", "Source64", "PCG", "ChaCha8", "Zipf"}
)

func TestTimeAndChanceComeFromOutside(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || strings.HasPrefix(f.pkg, "cmd/") {
			continue
		}
		clock, random := f.importName("time"), f.importName("math/rand")
		random2 := f.importName("math/rand/v2")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := selector.X.(*ast.Ident)
			if !ok {
				return true
			}
			name := selector.Sel.Name
			if x.Name == clock && slices.Contains(clocks, name) {
				t.Errorf("%s: time.%s reads the wall clock: take a clock as a parameter", f.at(n), name)
			}
			if (x.Name == random || x.Name == random2) && !slices.Contains(fixedRandom, name) {
				t.Errorf("%s: rand.%s is global: take a *rand.Rand as a parameter", f.at(n), name)
			}
			return true
		})
	}
}

// importName returns the name by which a file knows a package, or "" if it does not
// import it.
func (s source) importName(imported string) string {
	for _, spec := range s.ast.Imports {
		if value, err := strconv.Unquote(spec.Path.Value); err != nil || value != imported {
			continue
		}
		switch {
		case spec.Name != nil:
			return spec.Name.Name
		case strings.HasSuffix(imported, "/v2"):
			return path.Base(path.Dir(imported))
		default:
			return path.Base(imported)
		}
	}
	return ""
}

func TestChecksSeeOffences(t *testing.T) {
	f := parse(t, `package p

import "math/rand/v2"

func f() {
	_ = []int{
		1,
		2,
		func() int {
			a := 1
			return a
		}(),
	}
}

func (s *set[T]) M() {}

func (s Set[K, V]) M() {}

var _ = rand.IntN
`)
	if name := f.importName("math/rand/v2"); name != "rand" {
		t.Errorf("math/rand/v2 is known as %q", name)
	}
	function := f.ast.Decls[1].(*ast.FuncDecl)
	if span, table := f.span(function), f.tableLines(function); span != 10 || table != 4 {
		t.Errorf("a function of 10 lines, 4 of them a table, has %d and %d", span, table)
	}
	for i, want := range map[int]bool{2: false, 3: true} {
		if got := receiverIsExported(f.ast.Decls[i].(*ast.FuncDecl)); got != want {
			t.Errorf("declaration %d is exported: %v", i, got)
		}
	}
	list := []string{"a", "b/..."}
	for pkg, want := range map[string]bool{"a": true, "a/c": false, "b": true, "b/c/d": true, "bc": false} {
		if got := matches(list, pkg); got != want {
			t.Errorf("%q is among %q: %v", pkg, list, got)
		}
	}
}

// parse returns a source of its own.
func parse(t *testing.T, text string) source {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "p.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: "p.go", pkg: "p", ast: parsed, files: files}
}
