//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// external puts an executable in the place of the kv state machine.
func (n *node) external(path, sum string) {
	n.t.Helper()
	n.rewrite("    name: kv", "    "+executable(path, sum))
}

// executable is how the configuration names an executable in a plugin's section.
func executable(path, sum string) string {
	return fmt.Sprintf("command: %q\n    sha256: %s", path, sum)
}

func sumOf(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Plugins that cannot be used end the host with one error that names the kind,
// the path and what to do; all else that was started is gone.
func TestServeAndValidateRefuseAPluginThatDoesNotStart(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for _, x := range []struct {
		name   string
		script string // empty: there is no such file
		mode   os.FileMode
		sum    string // by default the right one
		says   []string
	}{
		{name: "missing", sum: zeros, says: []string{"no such file"}},
		{name: "not executable", script: "#!/bin/sh\n", mode: 0o644, says: []string{"execut"}},
		{name: "wrong sha256", script: "#!/bin/sh\n", sum: zeros, says: []string{"sha256", zeros}},
		{name: "no program", script: "neither a program nor a script\n", says: []string{"no program for this machine"}},
		{name: "exits at once", script: "#!/bin/sh\necho cannot find my licence >&2\nexit 3\n", says: []string{"exited with code 3", "cannot find my licence"}},
		{name: "exits without a word", script: "#!/bin/sh\n", says: []string{"exited with code 0"}},
		{name: "garbage", script: "#!/bin/sh\necho Hello, world\ncat\n", says: []string{`"Hello, world`, "instead of a handshake"}},
		{name: "garbage and children", script: "#!/bin/sh\ncat & cat & echo Hello\ncat\n", says: []string{"instead of a handshake"}},
		{name: "wrong protocol version", script: "#!/bin/sh\necho '1|99|unix|/tmp/s|grpc|'\ncat\n", says: []string{"protocol version 99", "version 1"}},
		{name: "another go-plugin", script: "#!/bin/sh\necho '7|1|unix|/tmp/s|grpc|'\ncat\n", says: []string{"protocol", "7"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newSingle(t)
			path := filepath.Join(filepath.Dir(n.config), "plugin")
			sum := x.sum
			if x.script != "" {
				mode := x.mode
				if mode == 0 {
					mode = 0o755
				}
				if err := os.WriteFile(path, []byte(x.script), mode); err != nil {
					t.Fatal(err)
				}
				if sum == "" {
					sum = sumOf(t, path)
				}
			}
			n.external(path, sum)
			args := append([]string{"serve"}, n.args()...)
			refusedWithin(t, 10*time.Second, "", args...).says(t, exitUsage, append(x.says, n.config, "statemachine", path)...)
			n.noSockets()
			refusedWithin(t, 10*time.Second, "", append([]string{"config", "validate"}, n.args()...)...).
				says(t, exitUsage, append(x.says, n.config, "statemachine", path)...)
			n.noSockets()
		})
	}
}

// A good plugin in the wrong place is as bad.
func TestPluginOfAnotherKindOrName(t *testing.T) {
	counter := counterProgram(t)
	for _, x := range []struct {
		name     string
		old, new string
		says     []string
	}{
		{"another kind", "    name: wal", "    command: %q\n    sha256: %s", []string{"is a statemachine plugin", `"counter"`, "configured as storage"}},
		{"another name", "    name: kv", "    name: abacus\n    command: %q\n    sha256: %s", []string{`calls itself "counter"`, `"abacus"`}},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newSingle(t)
			n.rewrite(x.old, fmt.Sprintf(x.new, counter, sumOf(t, counter)))
			args := append([]string{"serve"}, n.args()...)
			refusedWithin(t, 10*time.Second, "", args...).says(t, exitUsage, append(x.says, n.config, counter)...)
			n.noSockets()
		})
	}
	t.Run("unknown name", func(t *testing.T) {
		n := newSingle(t)
		n.rewrite("    name: wal", "    name: wall")
		args := append([]string{"serve"}, n.args()...)
		refusedWithin(t, 10*time.Second, "", args...).says(t, exitUsage, n.config, "storage plugin wall", "wal")
	})
}
