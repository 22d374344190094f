package catalog

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// inherited names the environment variables that a plugin gets from the host:
// those that programs need to find their files and the network, and those that
// an operator sets for a whole node to debug it. Everything else, credentials
// above all, stays in the host; Spec.Env adds what a plugin needs besides.
//
// GOMEMLIMIT and GOGC are left out on purpose: a limit meant for the host is
// wrong for each of four processes.
func inherited(name string) bool {
	switch name {
	case "PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE", "TZ",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
		"http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"GODEBUG", "GOTRACEBACK", "GOMAXPROCS", "GOCOVERDIR", "GORACE",
		"SYSTEMROOT", "TEMP", "TMP":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}

// reserved names the variables of the plugin protocol itself.
func reserved(name string) bool {
	return strings.HasPrefix(name, "PLUGIN_") || strings.HasPrefix(name, "PONTOON_PLUGIN")
}

// checkEnv verifies the KEY=VALUE form of a spec's environment.
func checkEnv(env []string) error {
	for _, entry := range env {
		name, _, found := strings.Cut(entry, "=")
		switch {
		case !found || name == "" || strings.TrimSpace(name) != name:
			return fmt.Errorf("env entry %q is not of the form KEY=VALUE", entry)
		case strings.ContainsRune(entry, 0):
			return fmt.Errorf("env entry %q contains a NUL byte", name)
		case reserved(name):
			return fmt.Errorf("env entry %q: the name belongs to the plugin protocol", name)
		}
	}
	return nil
}

// Environment composes a plugin's environment: the inherited variables, then
// extra (the spec's), then protocol (the handshake's). Later entries win, and
// each name appears once.
func Environment(extra, protocol []string) []string {
	var env []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); inherited(name) {
			env = append(env, entry)
		}
	}
	env = slices.Concat(env, extra, protocol)
	last := make(map[string]int, len(env))
	for i, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		last[name] = i
	}
	kept := env[:0:0]
	for i, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); last[name] == i {
			kept = append(kept, entry)
		}
	}
	return kept
}
