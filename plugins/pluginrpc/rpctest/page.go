package rpctest

import (
	"context"
	"errors"
	"fmt"
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

// CheckTable fails unless each error of a table of a kind of plugin crosses a connection as
// itself, with its text and a reason of its own, and the table has the sentinels. CheckReasons
// is for those that are of this kind alone. Rule P-35.
func CheckTable(t testing.TB, page string, table *pluginrpc.Table, sentinels ...error) {
	t.Helper()
	all, mapped, reasons := table.Mappings(), map[error]bool{}, map[string]bool{}
	for _, m := range all {
		err := fmt.Errorf("append entries [17,20]: %w", m.Err)
		got := table.Error(context.Background(), table.Status(err))
		if !errors.Is(got, m.Err) || got.Error() != err.Error() {
			t.Errorf("%v arrived as %v", err, got)
		}
		if reasons[m.Reason] {
			t.Errorf("reason %s of %v is not its own", m.Reason, m.Err)
		}
		mapped[m.Err], reasons[m.Reason] = true, true
	}
	for _, err := range sentinels {
		if !mapped[err] {
			t.Errorf("%v is not in the table", err)
		}
	}
	CheckReasons(t, page, all[:len(all)-len(pluginrpc.Common())])
}
