package docs

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// evidence is the name of a test, or what stands in parentheses after some.
	evidence = regexp.MustCompile("`((?:Test|Fuzz)\\w+)`|\\(([^()]*)\\)")
	function = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// evidenced are the documents whose tables have a test for each row.
var evidenced = []string{"docs/failures.md", "docs/differences.md"}

// A row of these tables that says where a test is says it rightly: the test is in each
// package that stands after it in parentheses.
func TestEvidenceIsWhereTheTableSaysItIs(t *testing.T) {
	folders := map[string][]string{} // of each test
	walk(t, "_test.go", func(file string, text []byte) {
		for _, m := range function.FindAllSubmatch(text, -1) {
			folders[string(m[1])] = append(folders[string(m[1])], "/"+path.Dir(file))
		}
	})
	checked := 0
	for _, d := range documents(t) {
		if !slices.Contains(evidenced, d.path) {
			continue
		}
		for i, line := range d.lines {
			var tests []string
			for _, m := range evidence.FindAllStringSubmatch(line, -1) {
				if m[1] != "" {
					tests = append(tests, m[1])
					continue
				}
				packages, _, _ := strings.Cut(m[2], ":")
				for _, test := range tests {
					for _, p := range strings.Split(packages, ", ") {
						checked++
						if !within(folders[test], "/"+strings.TrimSuffix(p, "/")) {
							t.Errorf("%s:%d: there is no %s in %s", d.path, i+1, test, p)
						}
					}
				}
				tests = nil
			}
			if len(tests) > 0 && strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d: the package of %s is not said", d.path, i+1, strings.Join(tests, ", "))
			}
		}
	}
	if checked < 400 {
		t.Errorf("only %d places were checked", checked)
	}
}

// within tells whether one of the folders ends with a package's path.
func within(folders []string, end string) bool {
	for _, f := range folders {
		if strings.HasSuffix(f, end) {
			return true
		}
	}
	return false
}
