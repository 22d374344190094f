package hostconfig

import (
	"regexp"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

func (c *Config) checkPlugins(ps *problems) {
	for _, p := range allPlugins(c) {
		checkSource(ps, p)
		checkEnv(ps, p.key+".env", p.plugin.Env)
	}
	c.checkTransports(ps)
}

// checkSource checks what a plugin is made from: a shipped backend, or an
// executable with its digest.
func checkSource(ps *problems, p pluginAt) {
	name, command, digest := p.plugin.Name, p.plugin.Command, p.plugin.SHA256
	if name != "" && memberform.CheckName(name) != nil {
		ps.about(p.key+".name", "%q is not a plugin's name", name)
	}
	if len(command) == 0 {
		if name == "" {
			ps.about(p.key+".name", "is missing; name a shipped plugin, or give command and sha256")
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
