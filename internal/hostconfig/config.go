package hostconfig

import (
	"log/slog"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/founders"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
)

// Config is the configuration of one host, complete and checked when it comes
// from Load.
type Config struct {
	// Host is what core makes a host of, but for what only the program knows: its
	// version, its backends and its log. The members are in the order of their ids.
	Host core.Config
	Log  Log
	// peerURLs are peer URLs of members by name, for those that have none of their
	// own. Load hands them out.
	peerURLs founders.PeerURLs
	// catalog is the directory of plugins, and fromCatalog the sections that take theirs
	// from it, by key.
	catalog     string
	fromCatalog map[string]*bool
	// listed: the file has a list of transports, if only of one.
	listed bool
}

// The formats of the log.
const (
	// FormatAuto is text on a terminal and JSON elsewhere.
	FormatAuto = "auto"
	FormatText = "text"
	FormatJSON = "json"
)

// Log says what the host writes to its standard error.
type Log struct {
	Level slog.Level
	// Format is one of the Format constants.
	Format string
}

// newConfig is what holds where nothing is configured: the defaults of core, and
// what a host that is configured by a file has besides. Names, addresses and roles
// that follow from other settings are left to complete.
func newConfig() *Config {
	c := &Config{Host: core.Config{}.WithDefaults(), Log: Log{Format: FormatAuto}}
	h := &c.Host
	h.Bootstrap = true
	h.Access = &core.AccessConfig{}
	h.Audit.Level, h.Audit.Sync, h.Audit.OnFull = string(audit.Changes), string(audit.SyncInterval), string(audit.Drop)
	h.Transports = make([]core.TransportConfig, 1)
	for _, p := range allPlugins(c) {
		*p.plugin = unconfigured()
	}
	return c
}

// unconfigured is a plugin's section of which the file says nothing.
func unconfigured() core.PluginConfig {
	return core.PluginConfig{
		Isolation: string(catalog.Process),
		Record:    core.RecordConfig{MaxFileBytes: pluginrecord.DefaultFileBytes, MaxFiles: pluginrecord.DefaultFiles},
	}
}

// Catalog is the directory of the plugins that sections with "from: catalog" mean; empty if
// none is configured.
func (c *Config) Catalog() string { return c.catalog }

// from is whether the section of that key takes its plugin from the catalog.
func (c *Config) from(key string) *bool {
	if c.fromCatalog == nil {
		c.fromCatalog = map[string]*bool{}
	}
	if c.fromCatalog[key] == nil {
		c.fromCatalog[key] = new(bool)
	}
	return c.fromCatalog[key]
}

// Self returns the member with the node's own id.
func (c *Config) Self() (core.MemberConfig, bool) {
	for _, m := range c.Host.Members {
		if m.ID == c.Host.ID {
			return m, true
		}
	}
	return core.MemberConfig{}, false
}
