package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each sentence of docs/statements.md names a test that has its statement's number in
// its name, so that a run of all those leaves no sentence out, or a target that is a part
// of make test. No statement is left out. That the tests exist is for TestNamesExist.
func TestEachStatementHasItsTests(t *testing.T) {
	row := regexp.MustCompile(`^\| ([AB]\d) \| (.+) \| (.+) \|$`)
	everywhere := regexp.MustCompile("`make [\\w-]+`, a part of `make test`")
	seen := map[string]bool{}
	all := documents(t)
	i := slices.IndexFunc(all, func(d document) bool { return d.path == "docs/statements.md" })
	if i < 0 {
		t.Fatal("there is no docs/statements.md")
	}
	for n, line := range all[i].lines {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		seen[m[1]] = true
		if !strings.Contains(m[3], "`Test"+m[1]) && !everywhere.MatchString(m[3]) {
			t.Errorf("docs/statements.md:%d: %s, %q names no test of that number", n+1, m[1], m[2])
		}
	}
	for _, statement := range strings.Fields("A1 A2 A3 A4 A5 A6 A7 A8 A9 B1 B2 B3 B4 B5 B6 B7 B8") {
		if !seen[statement] {
			t.Errorf("docs/statements.md has no sentence of %s", statement)
		}
	}
}
