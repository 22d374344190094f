// Package rule lets a test name the rules of the plugin protocol that it checks, those of
// docs/plugins/protocol*.md, so that a plugin's author knows what to read when it fails.
package rule

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Checks says which rules t checks. If t fails, its output names them.
func Checks(t testing.TB, rules ...string) {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			t.Log(names(rules...))
		}
	})
}

// Named reports whether the output of a test names a rule of the protocol that is common, or
// of a kind of plugin: SM, ST or TR.
func Named(output, kind string) bool {
	return regexp.MustCompile(`rule (P|` + kind + `)-[0-9]+.*, see docs/plugins/protocol`).MatchString(output)
}

// names returns the text by which the output of a test names rules: "rule SM-8, see docs/plugins/protocol-statemachine.md".
func names(rules ...string) string {
	var pages []string
	for _, r := range rules {
		if page := pageOf(r); !slices.Contains(pages, page) {
			pages = append(pages, page)
		}
	}
	return "rule " + strings.Join(rules, ", ") + ", see " + strings.Join(pages, ", ")
}

// pageOf is the page that has a rule.
func pageOf(rule string) string {
	kind, _, _ := strings.Cut(rule, "-")
	switch kind {
	case "SM":
		return "docs/plugins/protocol-statemachine.md"
	case "ST":
		return "docs/plugins/protocol-storage.md"
	case "TR":
		return "docs/plugins/protocol-transport.md"
	}
	return "docs/plugins/protocol.md"
}
