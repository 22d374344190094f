package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository's.
var root = filepath.Join("..", "..")

// A document is one .md file. Its lines are those outside of code blocks; a
// line inside is kept as an empty one, so that numbers stay right.
type document struct {
	path  string // from the root, with slashes
	lines []string
}

// documents returns every document of the repository.
func documents(t *testing.T) []document {
	t.Helper()
	var all []document
	walk(t, ".md", func(path string, text []byte) {
		all = append(all, document{path: path, lines: prose(string(text))})
	})
	if len(all) < 20 {
		t.Fatalf("found only %d documents; is the tree here?", len(all))
	}
	return all
}

// walk calls do for every file of the repository whose name ends in suffix.
func walk(t *testing.T, suffix string, do func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			if rel != "." && strings.HasPrefix(e.Name(), ".") || rel == "bin" || e.Name() == "data" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, suffix) {
			return nil
		}
		text, err := os.ReadFile(name)
		if err == nil {
			do(rel, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// prose blanks fenced and indented code blocks.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	fenced := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			fenced = !fenced
		}
		if fence || fenced || strings.HasPrefix(line, "    ") {
			lines[i] = ""
		}
	}
	return lines
}

// exists reports whether a path from the root is there; it may have wildcards.
func exists(path string) bool {
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(path)))
	return err == nil && len(found) > 0
}
