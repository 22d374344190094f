package docs

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const reasons = "docs/adr/0004-dependencies.md"

// Every module that the main module imports, or uses as a tool, has a line
// with its reason, and every line is about one that is used.
func TestEveryDependencyHasAReason(t *testing.T) {
	used := importedModules(t)
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(reasons)))
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+\\.[^`]+/[^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	for _, m := range used {
		if !slices.Contains(listed, m) {
			t.Errorf("%s is used, but %s gives no reason for it", m, reasons)
		}
	}
	for _, m := range listed {
		if !slices.Contains(used, m) {
			t.Errorf("%s has a reason for %s, which nothing uses", reasons, m)
		}
	}
}

// importedModules returns the modules of go.mod that Go files outside of
// nested modules import, and the tools of it that are modules of their own.
func importedModules(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+`).FindAllStringSubmatch(string(text), -1) {
		required = append(required, m[1])
	}
	found := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+)$`).FindAllStringSubmatch(string(text), -1) {
		found[moduleOf(m[1], required)] = true // the block of tools
	}
	nested := nestedModules(t)
	walk(t, ".go", func(file string, text []byte) {
		if slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(file, dir+"/") }) {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[moduleOf(imported, required)] = true
		}
	})
	delete(found, "")
	var all []string
	for m := range found {
		all = append(all, m)
	}
	return all
}

func nestedModules(t *testing.T) []string {
	t.Helper()
	var dirs []string
	walk(t, "go.mod", func(file string, _ []byte) {
		if file != "go.mod" {
			dirs = append(dirs, strings.TrimSuffix(file, "/go.mod"))
		}
	})
	return dirs
}

// moduleOf returns the module that has a package: the longest one that is a
// beginning of its path; empty if none is.
func moduleOf(pkg string, modules []string) (longest string) {
	for _, m := range modules {
		if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}
