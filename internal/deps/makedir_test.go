package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// The data of a node must not be lost with the directory that they are in:
// code that makes one for data makes its name durable too (vfs.MakeOSDir).
// Directories for sockets and for certificates are not such.
func TestDirectoriesForDataAreMadeDurably(t *testing.T) {
	allowed := []string{"internal/catalog/runtimedir.go", "plugins/storage/storagetest/run.go"}
	calls := 0
	seen := map[string]bool{}
	for _, e := range readTree(t, filepath.Join("..", "..")) {
		of := matches(e.pkg, append(host(), "internal/maintenance/...", "plugins/storage/...", "plugins/statemachine/..."))
		if e.test || seen[e.file] || !of || slices.Contains(allowed, e.file) {
			continue
		}
		seen[e.file] = true
		for _, name := range selectors(t, filepath.Join("..", "..", e.file)) {
			switch name {
			case "os.Mkdir", "os.MkdirAll":
				t.Errorf("%s names %s: use vfs.MakeOSDir", e.file, name)
			case "vfs.MakeOSDir":
				calls++
			}
		}
	}
	if calls < 3 {
		t.Errorf("vfs.MakeOSDir is named in %d places only", calls)
	}
}

// selectors lists what a file names of packages, and fields of variables.
func selectors(t *testing.T, path string) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if of, ok := s.X.(*ast.Ident); ok {
				found = append(found, of.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return found
}
