package rpctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// Page is a page of docs/plugins, for the tests of the packages that it is about.
func Page(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if text, found := os.ReadFile(filepath.Join(dir, "docs", "plugins", name)); found == nil {
			return string(text)
		}
		if up := filepath.Dir(dir); up != dir {
			dir = up
			continue
		}
		err = os.ErrNotExist
	}
	t.Fatalf("docs/plugins/%s: %v", name, err)
	return ""
}

// CheckWords fails unless the page has each of the words.
func CheckWords(t testing.TB, page string, words ...string) {
	t.Helper()
	text := Page(t, page)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not say %q", page, w)
		}
	}
}

var reasonRow = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([A-Z_]+) \\|")

// CheckReasons holds the table of reasons on a page against the mappings: the same ones,
// with the same codes.
func CheckReasons(t testing.TB, page string, mappings []pluginrpc.Mapping) {
	t.Helper()
	said := map[string]string{}
	for _, row := range reasonRow.FindAllStringSubmatch(Page(t, page), -1) {
		said[row[1]] = row[2]
	}
	for _, m := range mappings {
		if code := codeName(m.Code); said[m.Reason] != code {
			t.Errorf("%s: %s has code %q, and is %s", page, m.Reason, said[m.Reason], code)
		}
		delete(said, m.Reason)
	}
	for reason := range said {
		t.Errorf("%s: there is no reason %s", page, reason)
	}
}

// codeWords are two words of the Go name of a code.
var codeWords = regexp.MustCompile("([a-z])([A-Z])")

// codeName is the name of a code in other languages than Go.
func codeName(c codes.Code) string {
	if c == codes.Canceled {
		return "CANCELLED"
	}
	return strings.ToUpper(codeWords.ReplaceAllString(c.String(), "${1}_${2}"))
}
