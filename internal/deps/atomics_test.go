package deps

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A3: on 32 bits a 64-bit word must be aligned by its owner for the functions of
// sync/atomic, which the order of a struct's fields decides and each new field
// may undo. The types of sync/atomic are aligned by themselves, so the functions
// are not to be used anywhere, tests, benchmarks and examples included.
func TestA3NoAtomicFunctionsOf64Bits(t *testing.T) {
	root := filepath.Join("..", "..")
	checked := 0
	err := filepath.WalkDir(root, func(name string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name != root && (strings.HasPrefix(e.Name(), ".") || e.Name() == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		checked++
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		for _, found := range atomicCalls(t, filepath.ToSlash(rel), text) {
			t.Errorf("%s: use atomic.Int64 or atomic.Uint64, which are aligned on 32 bits, too", found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 500 {
		t.Fatalf("looked at %d files only", checked)
	}
}

// A3: the lint sees a function under the name that the file gives the package,
// with its place, and takes nothing else for one.
func TestA3TheLintFindsWhatItForbids(t *testing.T) {
	for _, test := range []struct{ imported, line, want string }{
		{`"sync/atomic"`, "atomic.AddInt64(&c.n, 1)", "x.go:7: atomic.AddInt64"},
		{`"sync/atomic"`, "_ = atomic.LoadUint64(&c.m)", "x.go:7: atomic.LoadUint64"},
		{`a "sync/atomic"`, "a.CompareAndSwapInt64(&c.n, 0, 1)", "x.go:7: a.CompareAndSwapInt64"},
		{`"sync/atomic"`, "f := atomic.StoreUint64; f(&c.m, 1)", "x.go:7: atomic.StoreUint64"},
		{`. "sync/atomic"`, "OrInt64(&c.n, 1)", "x.go:7: OrInt64"},
		{`"sync/atomic"`, "atomic.AddInt32(&c.k, 1)", ""},
		{`"sync/atomic"`, "var v atomic.Int64; v.Add(1)", ""},
		{`"example.org/atomic"`, "atomic.AddInt64(&c.n, 1)", ""},
	} {
		source := fmt.Sprintf("package x\n\nimport %s\n\n\nfunc _(c *counters) {\n\t%s\n}\n", test.imported, test.line)
		got := strings.Join(atomicCalls(t, "x.go", []byte(source)), "; ")
		if got != test.want {
			t.Errorf("import %s, %s: found %q, want %q", test.imported, test.line, got, test.want)
		}
	}
}

// atomicCalls lists where a file names a 64-bit function of sync/atomic.
func atomicCalls(t *testing.T, name string, text []byte) (found []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	pkg := nameOfAtomic(f)
	if pkg == "" {
		return nil
	}
	function := regexp.MustCompile(`^(Add|And|CompareAndSwap|Load|Or|Store|Swap)(Int|Uint)64$`)
	note := func(at token.Pos, text string) {
		found = append(found, fmt.Sprintf("%s:%d: %s", name, fset.Position(at).Line, text))
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if of, ok := n.X.(*ast.Ident); ok && of.Name == pkg && function.MatchString(n.Sel.Name) {
				note(n.Pos(), pkg+"."+n.Sel.Name)
			}
			return pkg != "."
		case *ast.Ident:
			if pkg == "." && function.MatchString(n.Name) {
				note(n.Pos(), n.Name)
			}
		}
		return true
	})
	return slices.Compact(found)
}

// nameOfAtomic is what a file calls sync/atomic, or nothing if it has none of it.
func nameOfAtomic(f *ast.File) string {
	for _, spec := range f.Imports {
		if spec.Path.Value != `"sync/atomic"` {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return "atomic"
	}
	return ""
}
