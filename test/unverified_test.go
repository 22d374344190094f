//go:build linux

package e2e

import (
	"os"
	"strings"
	"testing"
)

// A host whose members' port is open to all says so at its start and in status,
// and passes the check of its health; one that only its own machine reaches has
// nothing to warn of.
func TestAnOpenPortOfTheMembersIsSaid(t *testing.T) {
	t.Parallel()
	const said = "can speak for any member"
	for name, open := range map[string]bool{"on all addresses": true, "on loopback": false} {
		t.Run(name, func(t *testing.T) {
			n := newSingle(t)
			if open {
				_, port, _ := strings.Cut(n.peer, ":")
				n.rewrite("    listen: "+n.peer, "    listen: 0.0.0.0:"+port+"\n    config: {insecure: true}")
			}
			n.startReady()
			warns := func() bool {
				st, ok := n.status()
				return ok && len(st.GetWarnings()) == 1 && st.GetWarnings()[0].GetReason() == "unverified_peers"
			}
			level := "INFO"
			if open {
				level = "WARN"
				n.await("to warn in status", warns)
			} else if warns() {
				t.Error("a warning of a port that no other machine reaches")
			}
			n.await("to say it in the log", func() bool {
				log, err := os.ReadFile(n.logPath)
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(string(log)) {
					if strings.Contains(line, said) && strings.Contains(line, level) {
						return true
					}
				}
				return false
			})
			if out, err := hostCommand(t, "status", "--check", "--endpoints", n.client).CombinedOutput(); err != nil {
				t.Errorf("status --check: %v\n%s", err, out)
			}
			n.stop()
		})
	}
}
