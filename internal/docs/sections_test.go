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

// The runbook leads from each loss to the command that there is for it, and
// containers have a page of their own.
func TestEachLossHasItsSection(t *testing.T) {
	for page, sections := range map[string]map[string]string{
		"runbook.md": {
			"## The majority is lost": "host recover --config n1.yaml --force-new-cluster",
			"## Backup":               "host snapshot export",
			"## Restore":              "host snapshot restore",
			"## Restore drill beside the live cluster":      "--new-cluster-id",
			"## Migrate to another storage backend":         "host storage migrate",
			"### Two processes of one member":               "delete the copy",
			"### Two histories":                             "host recover --force-new-cluster",
			"### A peer that lies":                          "certificate",
			"### A change is refused because of the quorum": "--force",
		},
		"containers.md": {"## Process 1": "reaps", "## Volumes and identity": "id", "## Variables": "PONTOON_"},
	} {
		text, err := os.ReadFile(filepath.Join(root, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for heading, command := range sections {
			_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
			section, _, _ = strings.Cut(section, "\n## ")
			if !found || !strings.Contains(section, command) {
				t.Errorf("docs/%s has no section %q with %q", page, heading, command)
			}
		}
	}
}
