package main

import (
	"strings"
	"testing"
)

// A plugin that is started elsewhere serves one host at a time, and that is not a command.
func TestValidateAttachesToNoPlugin(t *testing.T) {
	newFiles(t)
	writeText(t, "host.yaml", strings.Replace(protectedConfig, "{name: kv}", "{address: \"unix:///no/such/socket\", config: {a: 1}}", 1))
	r := host(t, "config", "validate", "--config", "host.yaml")
	if r.code != 0 || !strings.Contains(r.stdout, "valid") {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stderr, "plugins.statemachine and its section are not judged") {
		t.Errorf("stderr does not say what was left out: %q", r.stderr)
	}
}
