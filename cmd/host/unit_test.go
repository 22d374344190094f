package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const unitFile = "../../configs/systemd/pontoon-host.service"

// unit is the unit for systemd that ships with the host.
func unit(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.FromSlash(unitFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// The unit for systemd leaves a plugin that the kernel ends to the host, lets a
// stop be orderly, and starts no member again whose configuration is wrong.
func TestTheSystemdUnitOutlivesAKilledPlugin(t *testing.T) {
	text := unit(t)
	for _, line := range []string{"OOMPolicy=continue", "KillMode=mixed", "Type=notify", "Restart=on-failure", fmt.Sprintf("RestartPreventExitStatus=%d %d %d", exitUsage, exitNotMember, exitOlder)} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("the unit has no %s", line)
		}
	}
}

// The raft goroutine may be late by less than the watchdog without being ended for it.
func TestTheWatchdogOfTheUnitIsLongerThanElections(t *testing.T) {
	given := regexp.MustCompile(`(?m)^WatchdogSec=(\d+)$`).FindStringSubmatch(unit(t))
	if given == nil {
		t.Fatal("the unit has no watchdog")
	}
	if watchdog, _ := time.ParseDuration(given[1] + "s"); watchdog < 10*time.Second {
		t.Errorf("the watchdog is %v", watchdog)
	}
}

// systemd knows all words of the unit, and what its processes could do to the machine is
// little: systemd-analyze rates it under 2.0 of 10.
func TestTheSystemdUnitIsHardened(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze, of Debian's package systemd")
	}
	installed := filepath.Join(t.TempDir(), "pontoon-host.service")
	text := strings.Replace(unit(t), "ExecStart=/usr/local/bin/host", "ExecStart=/bin/true", 1)
	if err := os.WriteFile(installed, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", installed).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", installed).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
