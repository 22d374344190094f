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
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the packages export to testdata")

// surfaces are the packages that others import.
var surfaces = []string{
	"client", "client/kv", "core", "plugins", "plugins/backend", "plugins/statemachine", "plugins/storage", "plugins/transport", "sdk",
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

// A6: plugins and clients see nothing of the host's inside, and the view of a
// cluster names no type but the package's own.
func TestA6NothingOfTheHostIsExposed(t *testing.T) {
	for _, pkg := range surfaces {
		if pkg == "core" {
			continue
		}
		for _, line := range strings.Split(surface(t, pkg), "\n") {
			for _, inside := range []string{"member.", "server.", "node.", "catalog.", "core."} {
				if slices.ContainsFunc(strings.FieldsFunc(line, notOfAName), func(w string) bool { return strings.HasPrefix(w, inside) }) {
					t.Errorf("%s exports %q, which names the host's %s", pkg, line, strings.TrimSuffix(inside, "."))
				}
			}
		}
	}
	view := ""
	for _, decl := range strings.Split(surface(t, "core"), "\n\n") {
		if strings.HasPrefix(decl, "type Cluster interface") || strings.HasPrefix(decl, "type Member struct") {
			view += decl
		}
	}
	if !strings.Contains(view, "type Cluster interface") || !strings.Contains(view, "type Member struct") {
		t.Fatal("package core has no Cluster or no Member")
	}
	if strings.Contains(view, ".") {
		t.Errorf("the view of a cluster names types of other packages:\n%s", view)
	}
}

func notOfAName(r rune) bool {
	return r != '.' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// surface prints the exported declarations of a package in the order of their text.
func surface(t *testing.T, pkg string) string {
	t.Helper()
	dir := filepath.Join("..", "..", filepath.FromSlash(pkg))
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = "linux", "amd64", false
	files, err := context.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	fset := token.NewFileSet()
	for _, name := range files.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, decl := range f.Decls {
			all = append(all, declarations(t, decl)...)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n\n") + "\n"
}

// declarations prints one declaration, each name of a group for itself but for
// constants, whose values may follow from the one before.
func declarations(t *testing.T, decl ast.Decl) (all []string) {
	t.Helper()
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && !ofExported(d.Recv.List[0].Type) {
			return nil
		}
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
