package apisurface

import (
	"bytes"
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the packages export to testdata")

// surfaces are the packages that others import.
var surfaces = []string{
	"client", "client/kv", "core", "membercert", "plugins", "plugins/backend", "plugins/section", "plugins/statemachine", "plugins/storage", "plugins/storage/dirlock",
	"plugins/storage/identity", "plugins/storage/logstate", "plugins/storage/shell", "plugins/storage/snapfile", "plugins/storage/vfs",
	"plugins/transport", "plugins/transport/connections", "pontoontest", "sdk",
}

// A6: a package exports the names that its file in testdata has. A name that
// is added, changed or taken away shows there.
func TestA6ExportedNamesAreTheReviewedOnes(t *testing.T) {
	for _, pkg := range surfaces {
		got := surface(t, pkg)
		golden := filepath.Join("testdata", strings.ReplaceAll(pkg, "/", "-")+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("%s is a package of the surface without its file: %v; go test ./internal/apisurface -update", pkg, err)
		}
		for _, line := range difference(strings.Split(got, "\n"), strings.Split(string(want), "\n")) {
			t.Errorf("%s: %s", pkg, line)
		}
	}
	if t.Failed() {
		t.Log("a change that is meant: go test ./internal/apisurface -update, and CHANGELOG.md")
	}
}

// A6: nothing that a package of the surface exports names a type of the host's
// inside, or of any other package that other modules cannot import: by the import
// path of each package that is named, whatever it is called there.
func TestA6NothingOfTheHostIsExposed(t *testing.T) {
	named := 0
	for _, pkg := range surfaces {
		exported(t, pkg, func(f *ast.File, decl ast.Decl) {
			for _, path := range pathsIn(f, decl) {
				named++
				if isInside(path) {
					t.Errorf("%s exports %q, which names %s", pkg, firstLine(text(t, decl)), path)
				}
			}
		})
	}
	if named < 30 {
		t.Errorf("only %d names of other packages were looked at", named)
	}
}

// A6: the check sees an internal package under another name, in a field, a method,
// an embedded type and a parameter, and nothing in what is not exported.
func TestA6TheCheckFindsWhatItForbids(t *testing.T) {
	for source, want := range map[string]string{
		"type T struct { F m.ID }":                  "example.org/x/internal/member",
		"type T struct { m.ID }":                    "example.org/x/internal/member",
		"type T struct { f m.ID }":                  "",
		"type t struct { F m.ID }":                  "",
		"type T = m.ID":                             "example.org/x/internal/member",
		"type T interface { F(map[string][]m.ID) }": "example.org/x/internal/member",
		"func F(...m.ID) {}":                        "example.org/x/internal/member",
		"func f(m.ID) {}":                           "",
		"var V m.ID":                                "example.org/x/internal/member",
		"func F() { var _ m.ID }":                   "",
		"func F(p.Name) {}":                         "",
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go",
			"package x\nimport m \"example.org/x/internal/member\"\nimport \"example.org/p\"\n"+source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		ast.FileExports(f)
		got := ""
		for _, decl := range f.Decls {
			for _, path := range pathsIn(f, decl) {
				if isInside(path) {
					got = path
				}
			}
		}
		if got != want {
			t.Errorf("%s: found %q, want %q", source, got, want)
		}
	}
}

// A6: the view of a cluster names no type but the package's own.
func TestA6TheViewStandsAlone(t *testing.T) {
	seen := 0
	exported(t, "core", func(f *ast.File, decl ast.Decl) {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			return
		}
		for _, spec := range g.Specs {
			if name := spec.(*ast.TypeSpec).Name.Name; name == "Cluster" || name == "Member" {
				seen++
				if paths := pathsIn(f, decl); len(paths) > 0 {
					t.Errorf("%s names types of %v", name, paths)
				}
			}
		}
	})
	if seen != 2 {
		t.Fatal("package core has no Cluster or no Member")
	}
}

// pathsIn are the import paths of the packages that a declaration names, without the
// bodies and values that only the package itself sees.
func pathsIn(f *ast.File, decl ast.Decl) (paths []string) {
	imports := map[string]string{}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue
		}
		name := p[strings.LastIndex(p, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		imports[name] = p
	}
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			return false
		case *ast.ValueSpec:
			if n.Type == nil {
				return false
			}
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && imports[of.Name] != "" {
				paths = append(paths, imports[of.Name])
			}
		}
		return true
	})
	return paths
}

// isInside tells whether other modules cannot import a package.
func isInside(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

func firstLine(text string) string { return strings.SplitN(text, "\n", 2)[0] }

// surface prints the exported declarations of a package in the order of their text.
func surface(t *testing.T, pkg string) string {
	t.Helper()
	var all []string
	exported(t, pkg, func(_ *ast.File, decl ast.Decl) { all = append(all, declarations(t, decl)...) })
	slices.Sort(all)
	return strings.Join(all, "\n\n") + "\n"
}

// exported calls each with the declarations of a package that others can name, and
// their files. Methods of types that have no exported name do not count.
func exported(t *testing.T, pkg string, each func(*ast.File, ast.Decl)) {
	t.Helper()
	dir := filepath.Join("..", "..", filepath.FromSlash(pkg))
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = "linux", "amd64", false
	files, err := context.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	for _, name := range files.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, decl := range f.Decls {
			if m, ok := decl.(*ast.FuncDecl); ok && m.Recv != nil && !ofExported(m.Recv.List[0].Type) {
				continue
			}
			each(f, decl)
		}
	}
}

// declarations prints one declaration, each name of a group for itself but for
// constants, whose values may follow from the one before.
func declarations(t *testing.T, decl ast.Decl) (all []string) {
	t.Helper()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		d.Body = nil
		return []string{text(t, d)}
	case *ast.GenDecl:
		switch d.Tok {
		case token.IMPORT:
			return nil
		case token.CONST:
			return []string{text(t, d)}
		}
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok {
				v.Values = nil
			}
			all = append(all, text(t, &ast.GenDecl{Tok: d.Tok, Specs: []ast.Spec{spec}}))
		}
	}
	return all
}

// ofExported tells whether a method is that of a type which others can name.
func ofExported(receiver ast.Expr) bool {
	switch r := receiver.(type) {
	case *ast.StarExpr:
		return ofExported(r.X)
	case *ast.IndexExpr:
		return ofExported(r.X)
	case *ast.Ident:
		return r.IsExported()
	}
	return false
}

// text prints a node without the places that it had in its file, which would
// keep empty lines where comments were.
func text(t *testing.T, node ast.Node) string {
	t.Helper()
	var b bytes.Buffer
	format := printer.Config{Mode: printer.UseSpaces, Tabwidth: 4}
	if err := format.Fprint(&b, token.NewFileSet(), node); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "" }), "\n")
}

// difference lists the lines that only one of both has.
func difference(got, want []string) (lines []string) {
	for _, l := range got {
		if !slices.Contains(want, l) {
			lines = append(lines, "new: "+l)
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			lines = append(lines, "gone: "+l)
		}
	}
	if len(lines) == 0 && !slices.Equal(got, want) {
		lines = append(lines, "the same lines in another order, or another number of times")
	}
	return lines
}
