package rpctest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/code"

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
		if name := code.Code(m.Code).String(); said[m.Reason] != name {
			t.Errorf("%s: %s has code %q, and is %s", page, m.Reason, said[m.Reason], name)
		}
		delete(said, m.Reason)
	}
	for reason := range said {
		t.Errorf("%s: there is no reason %s", page, reason)
	}
}

// CheckOwnReasons is CheckReasons for the mappings of a table that are of its kind of plugin
// alone.
func CheckOwnReasons(t testing.TB, page string, table *pluginrpc.Table) {
	t.Helper()
	all := table.Mappings()
	CheckReasons(t, page, all[:len(all)-len(pluginrpc.Common())])
}
