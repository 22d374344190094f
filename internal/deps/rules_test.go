package deps

import (
	"path"
	"strings"
)

// A rule forbids some imports and says why.
type rule struct {
	name   string
	reason string
	// who and imports match packages: "core/..." is core and all below it,
	// "plugins/*/*rpc" is matched segment by segment, and "!" before a
	// pattern takes out what it matches. Packages of this module are written
	// without the module's path.
	who, imports []string
	// tests: the rule binds test files too.
	tests bool
}

const module = "github.com/pontoon-raft/pontoon"

// backends are the packages two levels below plugins that are neither a wire
// adapter nor a conformance kit, nor one of the parts that backends share.
func backends() []string {
	return []string{
		"plugins/storage/*/...", "plugins/transport/*/...", "plugins/statemachine/*/...",
		"!plugins/*/*rpc/...", "!plugins/*/*test/...", "!plugins/*/internal/...",
		"!plugins/storage/vfs/...", "!plugins/storage/dirlock/...", "!plugins/storage/snapfile/...",
		"!plugins/storage/identity/...", "!plugins/storage/logstate/...", "!plugins/storage/shell/...",
	}
}

// parts are the packages beside the backends that authors make theirs of.
func parts() []string {
	return []string{
		"plugins/storage/vfs/...", "plugins/storage/dirlock/...", "plugins/storage/snapfile/...",
		"plugins/storage/identity/...", "plugins/storage/logstate/...", "plugins/storage/shell/...",
	}
}

// inside are the packages that only a host is made of. They are internal, so that
// nothing of another module can name them, and stand on the floor of core.
func inside() []string {
	return []string{
		"internal/access/...", "internal/api/...", "internal/audit/...", "internal/catalog/...", "internal/clusterdoc/...",
		"internal/courier/...", "internal/datadir/...", "internal/member/...", "internal/node/...", "internal/pluginlock/...", "internal/pluginrecord/...", "internal/restarts/...", "internal/server/...", "internal/storecopy/...",
	}
}

// host is inside, and core, which makes a host of it.
func host() []string {
	return append(inside(), "core/...")
}

// ground is what of internal every room may use. The package that reads a host's file
// into the configuration of core stands above core, and what checks plugins above the kits.
func ground() []string {
	patterns := []string{"internal/...", "!internal/hostconfig/...", "!internal/maintenance/...", "!internal/plugincheck/..."}
	for _, p := range inside() {
		patterns = append(patterns, "!"+p)
	}
	return patterns
}

func contracts() []string {
	return []string{"plugins", "plugins/storage", "plugins/transport", "plugins/statemachine"}
}

func rules() []rule {
	return []rule{
		{
			name:   "api is the ground floor",
			reason: "the wire must be usable, and readable, without anything of ours around it",
			who:    []string{"api/..."}, imports: []string{"core/...", "sdk/...", "plugins/...", "client/...", "cmd/...", "internal/..."},
		},
		{
			name:   "internal is the ground floor",
			reason: "what every room uses must not know any room",
			who:    append(ground(), "membercert"), imports: append(host(), "sdk/...", "plugins/...", "client/...", "cmd/...", "api/..."),
			tests: true,
		},
		{
			name:   "core is made of the host's packages",
			reason: "what they took from core they could not be tested without",
			who:    inside(), imports: []string{"core/..."}, tests: true,
		},
		{
			name:   "a host's file is for the program that has one",
			reason: "an embedder configures a host in Go; core knows no files, keys and variables",
			who:    []string{"...", "!cmd/...", "!test/..."}, imports: []string{"internal/hostconfig/..."},
		},
		{
			name:   "maintenance is for commands",
			reason: "it knows a backend's inside, which a running host must not",
			who:    []string{"...", "!cmd/...", "!test/..."}, imports: []string{"internal/maintenance/..."}, tests: true,
		},
		{
			name:   "maintenance is for stopped nodes",
			reason: "nothing of it may need a host that runs, nor what only plugins and clients have",
			who:    []string{"internal/maintenance/..."}, imports: []string{"core/...", "sdk/...", "client/..."},
		},
		{
			name:   "plugins are checked by a command",
			reason: "a host that runs needs no kit, and no package testing",
			who:    []string{"...", "!cmd/...", "!test/..."}, imports: []string{"internal/plugincheck", "internal/plugincheck/bench", "internal/plugincheck/lane", "internal/plugincheck/replay"}, tests: true,
		},
		{
			name:   "plugins and client are below core and sdk",
			reason: "a contract or a client that needs the host's inside could not be used without it",
			who:    []string{"plugins/...", "client/..."}, imports: append(host(), "sdk/...", "cmd/..."),
		},
		{
			name:   "the client knows the API only",
			reason: "who talks to a cluster should not link consensus, disks and plugins",
			who:    []string{"client/..."}, imports: []string{"plugins/..."}, tests: true,
		},
		{
			name:   "the sdk is not the host",
			reason: "a plugin's binary must not carry the host, or its version would be bound to it",
			who:    []string{"sdk/..."}, imports: append(host(), "client/...", "cmd/..."),
		},
		{
			name:   "a cluster for tests is made of programs",
			reason: "an author's tests would link consensus with what they test",
			who:    []string{"pontoontest/..."}, imports: append(host(), "sdk/...", "cmd/..."), tests: true,
		},
		{
			name:   "the host does not serve plugins",
			reason: "what a plugin's main does belongs to the sdk; what both ends share belongs to plugins",
			who:    host(), imports: []string{"sdk/..."},
		},
		{
			name:   "nobody imports commands and tests",
			reason: "logic in cmd could not be tested or embedded; it belongs to core",
			who:    []string{"...", "!cmd/...", "!test/..."}, imports: []string{"cmd/...", "test/...", "examples/..."},
			tests: true,
		},
		{
			name:   "the host knows contracts, never backends",
			reason: "the host must run on any backend; its tests use the references in the kits",
			who:    host(), imports: backends(),
		},
		{
			name:   "a backend knows its contract, never another backend",
			reason: "each must be replaceable, and usable as a model, on its own",
			who:    backends(), imports: backends(),
		},
		{
			name:   "what backends share knows none of them",
			reason: "the peculiarity of one backend would become that of all",
			who:    append(parts(), "plugins/*/internal/..."), imports: backends(),
		},
		{
			name:   "the file system stands alone",
			reason: "a host keeps its own small files with it too, and must not get a contract with it",
			who:    []string{"plugins/storage/vfs/..."}, imports: []string{"api/...", "plugins/...", "internal/..."},
		},
		{
			name:   "contracts know the wire types only",
			reason: "a contract is an interface; how it is carried is for the rpc packages and the sdk",
			who:    contracts(), imports: []string{
				"plugins/*/*/...", "plugins/*rpc/...", "plugins/backend/...", "internal/...",
				"google.golang.org/grpc/...", "github.com/hashicorp/...", "github.com/gogo/...",
			},
		},
		{
			name:   "contracts do not know each other",
			reason: "a plugin author should read one contract",
			who:    []string{"plugins/storage"}, imports: []string{"plugins/transport/...", "plugins/statemachine/..."},
		},
		{
			name:   "contracts do not know each other",
			reason: "a plugin author should read one contract",
			who:    []string{"plugins/transport"}, imports: []string{"plugins/storage/...", "plugins/statemachine/..."},
		},
		{
			name:   "contracts do not know each other",
			reason: "a plugin author should read one contract",
			who:    []string{"plugins/statemachine"}, imports: []string{"plugins/storage/...", "plugins/transport/..."},
		},
		{
			name:   "raft stays inside internal/node",
			reason: "we own the wire and validate before Step: raft panics on some malformed messages",
			who:    []string{"...", "!internal/node/..."}, imports: []string{"go.etcd.io/raft/..."},
		},
		{
			name:   "internal/node does no I/O",
			reason: "the raft goroutine is a step function that a simulation drives; it never waits",
			who:    []string{"internal/node/..."}, imports: []string{
				"google.golang.org/grpc/...", "github.com/hashicorp/...", "plugins/*rpc/...", "plugins/*/*rpc/...",
				"internal/catalog/...", "internal/server/...", "internal/api/...", "os", "net", "net/...",
			},
		},
		{
			name:   "the courier knows no node",
			reason: "how messages find a transport is tried with a host of a few methods; what a message means is for raft",
			who:    []string{"internal/courier/..."}, imports: []string{"internal/node/...", "internal/api/...", "internal/datadir/...", "plugins/storage/...", "plugins/statemachine/..."},
			tests: true,
		},
		{
			name:    "go-plugin has three doors",
			reason:  "how a plugin's process starts and ends is decided in one place at each end",
			who:     []string{"...", "!internal/catalog/...", "!sdk/...", "!plugins/*rpc/...", "!plugins/*/*rpc/..."},
			imports: []string{"github.com/hashicorp/go-plugin/..."},
		},
		{
			name:    "gogo is for the plugin wire",
			reason:  "the clients' side uses google's protobuf, with reflection and any language's tools",
			who:     append(host(), "client/...", "cmd/...", "api/host/...", "api/kv/..."),
			imports: []string{"github.com/gogo/..."},
		},
		{
			name:   "viper stays with the reading of the host's file",
			reason: "it lower-cases and splits keys, so it must never see a plugin's section",
			who:    []string{"...", "!internal/hostconfig"}, imports: []string{"github.com/spf13/viper/..."},
		},
		{
			name:    "commands are for cmd",
			reason:  "what a library does must not depend on how a person asks for it",
			who:     []string{"...", "!cmd/...", "!examples/...", "!api/generate"},
			imports: []string{"github.com/spf13/cobra/...", "github.com/spf13/pflag/...", "flag"},
		},
		{
			name:   "only the catalog and the sdk see hclog",
			reason: "our log is log/slog; hclog is what go-plugin speaks",
			who:    []string{"...", "!internal/catalog/...", "!sdk/..."}, imports: []string{"github.com/hashicorp/go-hclog/..."},
		},
	}
}

// matches reports whether a package matches the patterns: one of them, and
// none of those with an exclamation mark.
func matches(pkg string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		if negated, ok := strings.CutPrefix(p, "!"); ok {
			if matchOne(pkg, negated) {
				return false
			}
			continue
		}
		found = found || matchOne(pkg, p)
	}
	return found
}

func matchOne(pkg, pattern string) bool {
	if pattern == "..." {
		return true
	}
	head, deep := strings.CutSuffix(pattern, "/...")
	want, have := strings.Split(head, "/"), strings.Split(pkg, "/")
	if len(have) < len(want) || (!deep && len(have) != len(want)) {
		return false
	}
	for i, w := range want {
		if ok, err := path.Match(w, have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// breaks reports whether the rule forbids pkg to import imported. Both are
// without the module's path. All packages of one folder tree are one package
// here: a backend's own sub-packages are not another backend.
func (r rule) breaks(pkg, imported string) bool {
	return matches(pkg, r.who) && matches(imported, r.imports) && !sameRoom(pkg, imported)
}

func sameRoom(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	depth := 2
	if as[0] == "plugins" {
		depth = 3
	}
	if len(as) < depth || len(bs) < depth {
		return false
	}
	for i := range depth {
		if as[i] != bs[i] {
			return false
		}
	}
	return true
}
