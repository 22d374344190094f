package hostconfig

import (
	"slices"
	"strings"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/catalog"
)

// A setting is one scalar of the configuration: the only things that flags
// and the environment can set.
type setting struct {
	// key is its place in the file; always lower case.
	key   string
	value value
	// list settings are YAML lists in the file and comma lists elsewhere.
	list bool
	// fileOnly settings are those in a list, which flags and the environment
	// cannot name.
	fileOnly bool
}

// settings lists every scalar setting, bound to c. In a new Config each has its
// default.
func settings(c *Config) []setting {
	h := &c.Host
	all := []setting{
		{key: "node.id", value: idValue{&h.ID}},
		{key: "node.name", value: textValue{&h.Name}},
		{key: "node.data_dir", value: textValue{&h.DataDir}},
		{key: "node.runtime_dir", value: textValue{&h.RuntimeDir}},
		{key: "cluster.id", value: idValue{&h.ClusterID}},
		{key: "cluster.state", value: either(&h.Bootstrap, "new", "existing")},
		{key: peerURLsKey, value: &c.peerURLs, list: true},
		{key: "raft.tick", value: durationValue{&h.Tick}},
		{key: "raft.election", value: durationValue{&h.Election}},
		{key: "raft.max_clock_difference", value: durationValue{&h.MaxClockDifference}},
		{key: "raft.snapshot_entries", value: countValue{&h.SnapshotEntries}},
		{key: "raft.snapshot_log_bytes", value: size(&h.SnapshotBytes)},
		{key: "raft.catch_up_entries", value: countValue{&h.CatchUpEntries}},
		{key: "raft.catch_up_bytes", value: size(&h.CatchUpBytes)},
		{key: "raft.check_snapshots", value: either(&h.RehearseSnapshots, "restore", "sum")},
		{key: "raft.max_inflight_appends", value: intValue{&h.MaxInflightAppends}},
		{key: "api.listen", value: textValue{&h.ClientAddress}},
		{key: "api.max_value_bytes", value: size(&h.MaxValueBytes)},
		{key: "api.max_pending_proposals", value: intValue{&h.MaxPending}},
		{key: "api.max_pending_bytes", value: size(&h.MaxPendingBytes)},
		{key: "api.max_connections", value: intValue{&h.MaxConnections}},
		{key: "api.max_streams", value: intValue{&h.MaxStreams}},
		{key: "api.max_calls", value: intValue{&h.MaxCalls}},
		{key: "api.host_names", value: listValue{&h.HostNames}, list: true},
	}
	all = append(all, tlsSettings("api", &h.ClientTLS, &h.ClientInsecure)...)
	all = append(all,
		setting{key: "api.access.anonymous", value: choice(&h.Access.Anonymous, roleNames()...)},
		setting{key: "api.access.tokens_file", value: textValue{&h.Access.TokensFile}},
		setting{key: "api.access.insecure_tokens", value: either(&h.Access.InsecureTokens, "true", "false")},
		setting{key: "admin.listen", value: textValue{&h.AdminAddress}})
	all = append(all, tlsSettings("admin", &h.AdminTLS, &h.AdminInsecure)...)
	all = append(all,
		setting{key: "log.level", value: levelValue{&c.Log.Level}},
		setting{key: "log.format", value: choice(&c.Log.Format, FormatAuto, FormatText, FormatJSON)},
		setting{key: "audit.level", value: choice(&h.Audit.Level, string(audit.Off), string(audit.Changes), string(audit.Writes), string(audit.All))},
		setting{key: "audit.dir", value: textValue{&h.Audit.Dir}},
		setting{key: "audit.max_file_bytes", value: size(&h.Audit.MaxFileBytes)},
		setting{key: "audit.max_files", value: intValue{&h.Audit.MaxFiles}},
		setting{key: "audit.sync", value: choice(&h.Audit.Sync, string(audit.SyncEach), string(audit.SyncInterval), string(audit.SyncNone))},
		setting{key: "audit.on_full", value: choice(&h.Audit.OnFull, string(audit.Drop), string(audit.Refuse))},
		setting{key: "audit.key_file", value: textValue{&h.Audit.KeyFile}},
		setting{key: "limits.max_batch_bytes", value: size(&h.Limits.SendBatchBytes)},
		setting{key: "limits.max_chunk_bytes", value: size(&h.Limits.SendChunkBytes)})
	for _, t := range c.transports() {
		all = append(all,
			setting{key: t.key + ".listen", value: textValue{&t.Listen}},
			setting{key: t.key + ".advertise", value: listValue{&t.Advertise}, list: true})
	}
	all = append(all, setting{key: "plugins.catalog", value: textValue{&c.catalog}})
	for _, p := range allPlugins(c) {
		all = append(all,
			setting{key: p.key + ".name", value: textValue{&p.plugin.Name}},
			setting{key: p.key + ".from", value: either(c.from(p.key), "catalog", "section")},
			setting{key: p.key + ".sha256", value: textValue{&p.plugin.SHA256}},
			setting{key: p.key + ".address", value: textValue{&p.plugin.Address}},
			setting{key: p.key + ".isolation", value: choice(&p.plugin.Isolation, string(catalog.Process), string(catalog.Inproc))},
			setting{key: p.key + ".record.path", value: textValue{&p.plugin.Record.Path}},
			setting{key: p.key + ".record.max_file_bytes", value: size(&p.plugin.Record.MaxFileBytes)},
			setting{key: p.key + ".record.max_files", value: intValue{&p.plugin.Record.MaxFiles}})
	}
	for i := range all {
		all[i].fileOnly = strings.Contains(all[i].key, "[")
	}
	return all
}

// pluginAt is a plugin of the configuration with its place in the file and
// the shipped backend it is by default; empty if it must be named.
type pluginAt struct {
	key     string
	plugin  *core.PluginConfig
	shipped string
}

func allPlugins(c *Config) []pluginAt {
	var all []pluginAt
	for _, t := range c.transports() {
		shipped := "http"
		if t.key != transportKey {
			shipped = ""
		}
		all = append(all, pluginAt{t.key, &t.PluginConfig, shipped})
	}
	all = append(all, pluginAt{storageKey, &c.Host.Storage, "wal"})
	if c.Host.NextStorage != nil {
		all = append(all, pluginAt{nextStorageKey, c.Host.NextStorage, ""})
	}
	return append(all, pluginAt{"plugins.statemachine", &c.Host.StateMachine, "kv"})
}

// The storage, and the one that its store is moved to when that is asked for.
const (
	storageKey     = "plugins.storage"
	nextStorageKey = storageKey + ".next"
)

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
	for _, p := range allPlugins(c) {
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
