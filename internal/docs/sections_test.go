package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/configuration.md has every key of the shipped plugins' own sections.
func TestPluginSectionsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	tag := regexp.MustCompile(`yaml:"(\w+)`)
	found := 0
	walk(t, ".go", func(file string, text []byte) {
		if !strings.HasPrefix(file, "plugins/") || strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, m := range tag.FindAllSubmatch(text, -1) {
			found++
			if key := string(m[1]); !strings.Contains(string(page), "\n| `"+key+"` |") {
				t.Errorf("%s: the key %s is not documented", file, key)
			}
		}
	})
	if found < 5 {
		t.Fatalf("found only %d keys", found)
	}
}
