//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What is wrong in the section of a plugin is found without a host, with file and line: of
// shipped plugins and of executables, by the schema that each announces.
func TestValidateJudgesThePluginsSections(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	executable := fmt.Sprintf("command: [%q, plugin-serve, storage, wal]\n    sha256: %s", own, sumOf(t, own))
	for name, x := range map[string]struct{ plugin, section, says string }{
		"no section":                  {"name: wal", "", ""},
		"nothing wrong":               {"name: wal", "{segment_bytes: 16384}", ""},
		"too small":                   {"name: wal", "{segment_bytes: 1}", "plugins.storage.config.segment_bytes: got 1, want at least 16384"},
		"no such key":                 {"name: wal", "{segment: 1}", "plugins.storage.config.segment: there is no such key"},
		"an executable's, too small":  {executable, "{segment_bytes: big}", "plugins.storage.config.segment_bytes: got string, want integer"},
		"an executable's, as allowed": {executable, "{segment_bytes: 16384}", ""},
		"of a plugin that is unknown": {"name: wall", "", "there is no such backend in this host; it has memory, wal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newSingle(t)
			replacement := x.plugin
			if x.section != "" {
				replacement += "\n    config: " + x.section
			}
			n.rewrite("    name: wal", "    "+replacement)
			r := refusedWithin(t, 30*time.Second, "", append([]string{"config", "validate"}, n.args()...)...)
			if x.says == "" {
				if r.code != 0 || r.stderr != "" || !strings.HasSuffix(r.stdout, ": valid\n") {
					t.Errorf("exit code %d, %q, %q", r.code, r.stdout, r.stderr)
				}
				return
			}
			place := n.config
			if x.section != "" {
				lines := strings.Split(n.configText(), "\n")
				for i, line := range lines {
					if strings.Contains(line, "    config: "+x.section) {
						place = fmt.Sprintf("%s:%d: ", n.config, i+1)
					}
				}
			}
			r.says(t, exitUsage, place, x.says)
		})
	}
}
