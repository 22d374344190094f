package deps

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// An edge is one import statement.
type edge struct {
	pkg, file, imported string
	test                bool
}

// readTree returns every import of this module's Go files. Nested modules
// have rules of their own: they see what the module makes public.
func readTree(t *testing.T, root string) []edge {
	t.Helper()
	var edges []edge
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
			return skipFolder(name, rel, e)
		}
		if strings.HasSuffix(rel, ".go") {
			found, err := readFile(name, rel)
			edges = append(edges, found...)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return edges
}

func skipFolder(name, rel string, e fs.DirEntry) error {
	if rel == "." {
		return nil
	}
	if e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") || rel == "bin" || rel == "data" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func readFile(name, rel string) ([]edge, error) {
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var edges []edge
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		edges = append(edges, edge{
			pkg: path.Dir(rel), file: rel, test: strings.HasSuffix(rel, "_test.go"),
			imported: strings.TrimPrefix(imported, module+"/"),
		})
	}
	return edges, nil
}

func TestImportsFollowTheRules(t *testing.T) {
	edges := readTree(t, filepath.Join("..", ".."))
	if len(edges) < 100 {
		t.Fatalf("found only %d imports; is the tree here?", len(edges))
	}
	for _, e := range edges {
		for _, r := range rules() {
			if (!e.test || r.tests) && r.breaks(e.pkg, e.imported) {
				t.Errorf("%s imports %s\n\trule: %s\n\twhy:  %s", e.file, e.imported, r.name, r.reason)
			}
		}
	}
}

// A folder named after what it is for has no room for strays.
func TestFoldersAreNamedAfterAResponsibility(t *testing.T) {
	for _, e := range readTree(t, filepath.Join("..", "..")) {
		for _, word := range []string{path.Base(e.pkg), strings.TrimSuffix(path.Base(e.file), ".go")} {
			switch word {
			case "util", "utils", "common", "helper", "helpers", "misc", "base", "types":
				t.Errorf("%s: %q says nothing of what is inside", e.file, word)
			}
		}
	}
}

// The rules themselves: each sample breaks exactly the rule it names, or none.
func TestRules(t *testing.T) {
	for _, x := range []struct{ pkg, imported, rule string }{
		{"internal/node", "go.etcd.io/raft/v3/raftpb", ""},
		{"internal/server", "go.etcd.io/raft/v3", "raft stays inside internal/node"},
		{"internal/node", "plugins/storage", ""},
		{"internal/node", "internal/node/nodetest", ""},
		{"internal/node", "plugins/storage/storagerpc", "internal/node does no I/O"},
		{"internal/node", "internal/server", "internal/node does no I/O"},
		{"plugins/pluginrpc", "github.com/hashicorp/go-plugin", ""},
		{"internal/node", "net/http", "internal/node does no I/O"},
		{"core", "plugins/storage/wal", "the host knows contracts, never backends"},
		{"internal/catalog", "plugins/storage/storagerpc", ""},
		{"internal/server", "plugins/statemachine/statemachinetest", ""},
		{"internal/catalog", "github.com/hashicorp/go-plugin/runner", ""},
		{"internal/server", "github.com/hashicorp/go-plugin", "go-plugin has three doors"},
		{"plugins/storage/storagerpc", "github.com/hashicorp/go-plugin", ""},
		{"plugins/storage/wal", "internal/node", "plugins and client are below core and sdk"},
		{"plugins/storage/wal", "plugins/storage/pebble", "a backend knows its contract, never another backend"},
		{"plugins/storage/wal", "plugins/storage/wal/segment", ""},
		{"plugins/storage/wal", "plugins/storage/vfs", ""},
		{"internal/audit", "plugins/storage/vfs", ""},
		{"plugins/storage/vfs", "plugins/storage", "the file system stands alone"},
		{"plugins/storage/vfs", "plugins/storage/wal", "what backends share knows none of them; the file system stands alone"},
		{"plugins/storage", "plugins", ""},
		{"plugins/storage", "api/plugin/v1", ""},
		{"plugins/storage", "plugins/transport", "contracts do not know each other"},
		{"plugins/transport", "google.golang.org/grpc", "contracts know the wire types only"},
		{"client", "plugins/storage", "the client knows the API only"},
		{"client/kv", "api/kv/v1", ""},
		{"sdk", "internal/catalog", "the sdk is not the host"},
		{"cmd/host", "sdk", ""},
		{"cmd/host", "plugins/storage/wal", ""},
		{"internal/courier", "internal/node", "the courier knows no node"},
		{"internal/courier", "internal/catalog", ""},
		{"core", "internal/courier", ""},
		{"core", "cmd/host", "nobody imports commands and tests"},
		{"internal/hostconfig", "github.com/spf13/viper", ""},
		{"core", "github.com/spf13/viper", "viper stays with the reading of the host's file"},
		{"internal/defaults", "plugins", "internal is the ground floor"},
		{"internal/memberform", "internal/member", "internal is the ground floor"},
		{"internal/hostconfig", "core", ""},
		{"core", "internal/hostconfig", "a host's file is for the program that has one"},
		{"internal/catalog", "internal/hostconfig", "a host's file is for the program that has one"},
		{"cmd/host", "internal/hostconfig", ""},
		{"internal/server", "internal/member", ""},
		{"internal/server", "plugins/storage/wal", "the host knows contracts, never backends"},
		{"cmd/host", "internal/maintenance", ""},
		{"internal/maintenance", "internal/maintenance", ""},
		{"internal/maintenance", "plugins/storage/wal", ""},
		{"internal/maintenance", "core", "maintenance is for stopped nodes"},
		{"core", "internal/maintenance", "maintenance is for commands"},
		{"internal/server", "core", "core is made of the host's packages"},
		{"api/kv/v1", "google.golang.org/protobuf/proto", ""},
	} {
		var broken []string
		for _, r := range rules() {
			if r.breaks(x.pkg, x.imported) {
				broken = append(broken, r.name)
			}
		}
		if got := strings.Join(broken, "; "); got != x.rule {
			t.Errorf("%s importing %s breaks %q, want %q", x.pkg, x.imported, got, x.rule)
		}
	}
}

func TestEveryRuleGivesAReason(t *testing.T) {
	for _, r := range rules() {
		if r.name == "" || r.reason == "" || len(r.who) == 0 || len(r.imports) == 0 {
			t.Errorf("%+v is no rule", r)
		}
	}
}
