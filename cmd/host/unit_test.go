package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The unit for systemd leaves a plugin that the kernel ends to the host, lets a
// stop be orderly, and starts no member again whose configuration is wrong.
func TestTheSystemdUnitOutlivesAKilledPlugin(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "configs", "systemd", "pontoon-host.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"OOMPolicy=continue", "KillMode=mixed", "Type=exec", "Restart=on-failure", fmt.Sprintf("RestartPreventExitStatus=%d %d %d", exitUsage, exitNotMember, exitOlder)} {
		if !strings.Contains(string(raw), "\n"+line) {
			t.Errorf("the unit has no %s", line)
		}
	}
}
