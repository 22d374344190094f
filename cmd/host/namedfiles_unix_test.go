//go:build unix

package main

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A pipe in place of a file is a problem with that file's key, and config validate
// does not wait for its writer.
func TestConfigValidateWaitsForNoPipe(t *testing.T) {
	for path, key := range map[string]string{
		"api.crt": "api.tls.cert", "api.key": "api.tls.key", "ca.crt": "admin.tls.client_ca",
		"admin.crt": "admin.tls.cert", "n1.key": "plugins.transport.config.tls.key", "members.crt": "plugins.transport.config.tls.ca",
	} {
		t.Run(path, func(t *testing.T) {
			newFiles(t)
			remove(t, path)
			if err := unix.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			got := host(t, "config", "validate", "--config", "host.yaml")
			if got.code != exitUsage || !strings.Contains(got.stderr, key+": "+path+" is not a file") {
				t.Errorf("exit code %d\n%s", got.code, got.stderr)
			}
		})
	}
}
