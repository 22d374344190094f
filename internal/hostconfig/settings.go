package hostconfig

import (
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/defaults"
)

// A setting is one scalar of the configuration: the only things that flags
// and the environment can set.
type setting struct {
	// key is its place in the file; always lower case.
	key string
	// def is the default as text. Empty means none, or one that depends on
	// other settings (defaults.go).
	def   string
	value value
	// list settings are YAML lists in the file and comma lists elsewhere.
	list bool
	// fileOnly settings are those in a list, which flags and the environment
	// cannot name.
	fileOnly bool
}

// settings lists every scalar setting, bound to c. The defaults that the host has
// too are those of package defaults.
func settings(c *Config) []setting {
	all := []setting{
		{key: "node.id", value: idValue{&c.Node.ID}},
		{key: "node.name", value: textValue{&c.Node.Name}},
		{key: "node.data_dir", value: textValue{&c.Node.DataDir}},
		{key: "node.runtime_dir", value: textValue{&c.Node.RuntimeDir}},
		{key: "cluster.id", value: idValue{&c.Cluster.ID}},
		{key: "cluster.state", def: "new", value: choice(&c.Cluster.State, StateNew, StateExisting)},
		{key: peerURLsKey, value: &c.Cluster.PeerURLs, list: true},
		{key: "raft.tick", def: duration(defaults.Tick), value: durationValue{&c.Raft.Tick}},
		{key: "raft.election", def: duration(defaults.Election), value: durationValue{&c.Raft.Election}},
		{key: "raft.snapshot_entries", def: count(defaults.SnapshotEntries), value: countValue{&c.Raft.SnapshotEntries}},
		{key: "raft.snapshot_log_bytes", def: size(defaults.SnapshotBytes), value: sizeValue{&c.Raft.SnapshotLogBytes}},
		{key: "raft.catch_up_entries", def: count(defaults.CatchUpEntries), value: countValue{&c.Raft.CatchUpEntries}},
		{key: "raft.catch_up_bytes", def: size(defaults.CatchUpBytes), value: sizeValue{&c.Raft.CatchUpBytes}},
		{key: "raft.check_snapshots", def: "sum", value: choice(&c.Raft.CheckSnapshots, CheckSum, CheckRestore)},
		{key: "raft.max_inflight_appends", def: count(defaults.MaxInflightAppends), value: intValue{&c.Raft.MaxInflightAppends}},
		{key: "api.listen", value: textValue{&c.API.Listen}},
		{key: "api.max_value_bytes", def: size(defaults.MaxValueBytes), value: sizeValue{&c.API.MaxValueBytes}},
		{key: "api.max_pending_proposals", def: count(defaults.MaxPending), value: intValue{&c.API.MaxPendingProposals}},
		{key: "api.max_pending_bytes", def: size(defaults.MaxPendingBytes), value: sizeValue{&c.API.MaxPendingBytes}},
		{key: "api.max_connections", def: "0", value: intValue{&c.API.MaxConnections}},
		{key: "api.max_streams", def: count(defaults.MaxStreams), value: intValue{&c.API.MaxStreams}},
		{key: "api.max_calls", def: count(defaults.MaxCalls), value: intValue{&c.API.MaxCalls}},
		{key: "api.host_names", value: listValue{&c.API.HostNames}, list: true},
		{key: "api.access.anonymous", value: choice(&c.API.Access.Anonymous, roleNames()...)},
		{key: "api.access.tokens_file", value: textValue{&c.API.Access.TokensFile}},
		{key: "api.access.insecure_tokens", def: "false", value: boolValue{&c.API.Access.InsecureTokens}},
		{key: "admin.listen", value: textValue{&c.Admin.Listen}},
		{key: "log.level", def: "info", value: levelValue{&c.Log.Level}},
		{key: "log.format", def: "auto", value: choice(&c.Log.Format, FormatAuto, FormatText, FormatJSON)},
		{key: "audit.level", def: "changes", value: choice(&c.Audit.Level, "off", "changes", "writes", "all")},
		{key: "audit.dir", value: textValue{&c.Audit.Dir}},
		{key: "audit.max_file_bytes", def: size(defaults.AuditFileBytes), value: sizeValue{&c.Audit.MaxFileBytes}},
		{key: "audit.max_files", def: count(defaults.AuditFiles), value: intValue{&c.Audit.MaxFiles}},
		{key: "audit.sync", def: "interval", value: choice(&c.Audit.Sync, "each", "interval", "none")},
		{key: "audit.on_full", def: "drop", value: choice(&c.Audit.OnFull, "drop", "refuse")},
		{key: "audit.key_file", value: textValue{&c.Audit.KeyFile}},
		{key: "limits.max_batch_bytes", def: size(defaults.MaxBatchBytes), value: sizeValue{&c.Limits.MaxBatchBytes}},
		{key: "limits.max_chunk_bytes", def: size(defaults.MaxChunkBytes), value: sizeValue{&c.Limits.MaxChunkBytes}},
	}
	all = slices.Insert(all, after(all, "admin.listen"), tlsSettings("admin", &c.Admin.TLS, &c.Admin.Insecure)...)
	all = slices.Insert(all, after(all, "api.host_names"), tlsSettings("api", &c.API.TLS, &c.API.Insecure)...)
	for _, t := range c.transports() {
		all = append(all,
			setting{key: t.key + ".listen", value: textValue{&t.Listen}},
			setting{key: t.key + ".advertise", value: listValue{&t.Advertise}, list: true})
	}
	for _, p := range plugins(c) {
		all = append(all,
			setting{key: p.key + ".name", value: textValue{&p.plugin.Name}},
			setting{key: p.key + ".sha256", value: textValue{&p.plugin.SHA256}},
			setting{
				key: p.key + ".isolation", def: "process",
				value: choice(&p.plugin.Isolation, IsolationProcess, IsolationInproc),
			})
	}
	for i := range all {
		all[i].fileOnly = strings.Contains(all[i].key, "[")
	}
	return all
}

// after is the place after the setting of that key.
func after(all []setting, key string) int {
	return 1 + slices.IndexFunc(all, func(s setting) bool { return s.key == key })
}

// duration, count and size are defaults as text.
func duration(d time.Duration) string { return durationValue{&d}.String() }
func count(n uint64) string           { return countValue{&n}.String() }
func size(n uint64) string            { return sizeValue{&n}.String() }

// pluginAt is a plugin of the configuration with its place in the file and
// the shipped backend it is by default; empty if it must be named.
type pluginAt struct {
	key     string
	plugin  *Plugin
	shipped string
}

func plugins(c *Config) []pluginAt {
	var all []pluginAt
	for _, t := range c.transports() {
		shipped := "http"
		if t.key != transportKey {
			shipped = ""
		}
		all = append(all, pluginAt{t.key, &t.Plugin, shipped})
	}
	return append(all,
		pluginAt{"plugins.storage", &c.Plugins.Storage, "wal"},
		pluginAt{"plugins.statemachine", &c.Plugins.StateMachine, "kv"})
}

// membersKey is the one list of mappings.
const membersKey = "cluster.members"

// A schema knows every key that a file may hold.
type schema struct {
	settings map[string]setting
	// whole are keys that only the file can set: lists of mappings, commands,
	// and the plugins' own sections.
	whole    []string
	sections []string
}

func newSchema(c *Config) schema {
	s := schema{settings: map[string]setting{}, whole: []string{membersKey, certificatesKey, limitsKey}}
	for _, p := range plugins(c) {
		s.whole = append(s.whole, p.key+".command", p.key+".env", p.key+".config")
	}
	if c.transports()[0].key != transportKey {
		s.whole = append(s.whole, transportKey)
	}
	keys := slices.Clone(s.whole)
	for _, x := range settings(c) {
		s.settings[x.key] = x
		keys = append(keys, x.key)
	}
	for _, k := range keys {
		for section := parent(k); section != ""; section = parent(section) {
			if !slices.Contains(s.sections, section) {
				s.sections = append(s.sections, section)
			}
		}
	}
	slices.Sort(s.sections)
	return s
}

// parent is the section that a key belongs to; empty at the top.
func parent(key string) string {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i]
	}
	return ""
}

// join is the reverse of parent.
func join(section, name string) string {
	if section == "" {
		return name
	}
	return section + "." + name
}

// keys lists every setting, whole key and section in the order of their names.
func (s schema) keys() []string {
	all := slices.Concat(s.whole, s.sections)
	for k := range s.settings {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// children lists the names directly below a section.
func (s schema) children(section string) []string {
	var names []string
	for _, k := range s.keys() {
		if parent(k) == section {
			names = append(names, k[strings.LastIndexByte(k, '.')+1:])
		}
	}
	return names
}
