package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/configuration.md has every key of the shipped plugins' own sections, and
// docs/plugins/…-backends.md those of the backends described there.
func TestPluginSectionsAreDocumented(t *testing.T) {
	var page []byte
	for _, name := range []string{"configuration.md", "plugins/storage-backends.md", "plugins/transport-backends.md"} {
		text, err := os.ReadFile(filepath.Join(root, "docs", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, text...)
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
