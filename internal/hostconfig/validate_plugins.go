package hostconfig

import (
	"regexp"
	"strings"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

func (c *Config) checkPlugins(ps *problems) {
	for _, p := range allPlugins(c) {
		if *c.from(p.key) {
			c.checkPinned(ps, p)
		} else {
			checkSource(ps, p)
		}
		checkEnv(ps, p.key+".env", p.plugin.Env)
	}
	if c.Host.RehearseSnapshots && c.Host.StateMachine.Address != "" {
		ps.about("raft.check_snapshots", "is restore, which needs a second process of the state machine; one that has an address is started elsewhere, so use sum")
	}
	c.checkNextStorage(ps)
	c.checkTransports(ps)
	c.checkRecords(ps)
}

// checkNextStorage checks that the two storages can be told apart, by their names, and that a
// host can open both.
func (c *Config) checkNextStorage(ps *problems) {
	next := c.Host.NextStorage
	if next == nil {
		return
	}
	now := &c.Host.Storage
	switch {
	case now.Name == "":
		ps.about(storageKey+".name", "is missing; a host that has %s tells the two by their names", nextStorageKey)
	case next.Name == "" && (len(next.Command) > 0 || next.Address != ""):
		ps.about(nextStorageKey+".name", "is missing; a host tells it from %s by its name", storageKey)
	case next.Name == now.Name:
		ps.about(nextStorageKey+".name", "is %q, as that of %s; a store is moved to another backend", next.Name, storageKey)
	}
	for key, p := range map[string]*core.PluginConfig{storageKey: now, nextStorageKey: next} {
		if p.Address != "" {
			ps.about(key+".address", "stands beside %s; a host cannot open a storage that was started elsewhere on two stores", nextStorageKey)
		}
	}
}

// checkSource checks what a plugin is made from: a shipped backend, an
// executable with its digest, or one that was started elsewhere.
func checkSource(ps *problems, p pluginAt) {
	name, command, digest := p.plugin.Name, p.plugin.Command, p.plugin.SHA256
	if name != "" && memberform.CheckName(name) != nil {
		ps.about(p.key+".name", "%q is not a plugin's name", name)
	}
	if p.plugin.Address != "" {
		checkAttached(ps, p)
		return
	}
	if len(command) == 0 {
		if name == "" {
			ps.about(p.key+".name", "is missing; name a shipped plugin, or give command and sha256, or the address of one that was started elsewhere")
		}
		if digest != "" {
			ps.about(p.key+".sha256", "belongs to a command, and there is none; delete it or add the command")
		}
		return
	}
	switch {
	case strings.TrimSpace(command[0]) == "":
		ps.about(p.key+".command", "begins with an empty path")
	case !strings.ContainsAny(command[0], `/\`):
		ps.about(p.key+".command", "%q is not a path; no search path is used, so write for example ./%s", command[0], command[0])
	}
	switch {
	case digest == "":
		ps.about(p.key+".sha256", "is missing; a command needs the digest that sha256sum prints for it")
	case !regexp.MustCompile(`^[0-9a-fA-F]{64}$`).MatchString(digest):
		ps.about(p.key+".sha256", "%q is not 64 hex digits", digest)
	}
	if p.plugin.Isolation == string(catalog.Inproc) {
		ps.about(p.key+".isolation", "is inproc; a command always has a process of its own")
	}
}

// checkPinned checks a plugin from the catalog, which is read when the host is made.
func (c *Config) checkPinned(ps *problems, p pluginAt) {
	if c.catalog == "" {
		ps.about(p.key+".from", "is catalog, and no catalog is configured; set plugins.catalog to its directory")
	}
	switch name := p.plugin.Name; {
	case name == "":
		ps.about(p.key+".name", "is missing; name a plugin of the catalog")
	case memberform.CheckName(name) != nil:
		ps.about(p.key+".name", "%q is not a plugin's name", name)
	}
	for key, set := range map[string]bool{"command": len(p.plugin.Command) > 0, "sha256": p.plugin.SHA256 != "", "address": p.plugin.Address != ""} {
		if set {
			ps.about(p.key+"."+key, "stands beside from: catalog; the plugins.lock of the catalog says what is run, so delete one of the two")
		}
	}
	if p.plugin.Isolation == string(catalog.Inproc) {
		ps.about(p.key+".isolation", "is inproc; a plugin from the catalog always has a process of its own")
	}
}

// checkAttached checks a plugin that was started elsewhere: nothing of its start is the
// host's, nor is there a file to check.
func checkAttached(ps *problems, p pluginAt) {
	if err := catalog.CheckAddress(p.plugin.Address); err != nil {
		ps.about(p.key+".address", "%v", err)
	}
	if len(p.plugin.Command) > 0 {
		ps.about(p.key+".command", "stands beside an address; the host starts the plugin, or attaches to one that was started elsewhere")
	}
	if p.plugin.SHA256 != "" {
		ps.about(p.key+".sha256", "stands beside an address; which program was started elsewhere cannot be checked, so delete it or use command")
	}
	if len(p.plugin.Env) > 0 {
		ps.about(p.key+".env", "stands beside an address; only a plugin that the host starts gets it")
	}
	if p.plugin.Isolation == string(catalog.Inproc) {
		ps.about(p.key+".isolation", "is inproc; a plugin that was started elsewhere has a process of its own")
	}
}

func checkEnv(ps *problems, key string, env []string) {
	seen := map[string]bool{}
	for i, v := range env {
		name, _, ok := strings.Cut(v, "=")
		switch {
		case !ok || name == "":
			ps.about(key, "variable %d is not KEY=VALUE", i+1) // it may hold a secret
		case strings.ContainsRune(v, 0):
			ps.about(key, "%s holds a zero byte", name)
		case seen[name]:
			ps.about(key, "%s is set twice", name)
		}
		seen[name] = true
	}
}
