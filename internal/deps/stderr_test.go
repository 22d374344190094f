package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever writes to the process's standard error or output waits for its
// reader. On the host's side only main names them; everything else is given a
// writer or a logger, which in a host that serves is the sink of
// internal/logsink.
func TestOnlyMainNamesTheStandardStreams(t *testing.T) {
	checked := 0
	seen := map[string]bool{}
	for _, e := range readTree(t, filepath.Join("..", "..")) {
		if e.test || seen[e.file] || !matches(e.pkg, []string{"core/...", "internal/...", "cmd/host/..."}) || e.file == "cmd/host/main.go" {
			continue
		}
		seen[e.file] = true
		checked++
		for _, name := range standardStreams(t, filepath.Join("..", "..", e.file)) {
			t.Errorf("%s names %s: write to what the caller gives, or log", e.file, name)
		}
	}
	if checked < 100 {
		t.Fatalf("looked at %d files only", checked)
	}
}

// standardStreams lists what a file says of os.Stderr and os.Stdout, and its
// calls that print there.
func standardStreams(t *testing.T, path string) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := s.X.(*ast.Ident)
		if !ok {
			return true
		}
		name := of.Name + "." + s.Sel.Name
		switch {
		case name == "os.Stderr", name == "os.Stdout", of.Name == "fmt" && strings.HasPrefix(s.Sel.Name, "Print"):
			found = append(found, name)
		}
		return true
	})
	return found
}
