//go:build linux

package e2e

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
)

// A second host on the same data gives up within a second and names the first,
// which is not disturbed.
func TestDataDirectoryInUse(t *testing.T) {
	n := newSingle(t)
	n.startReady()
	load := startWorkload(t, n)
	load.progress(10)
	before, _ := n.status()
	second := newSingle(t)
	for range rounds(5) {
		args := append([]string{"serve"}, second.args()...)
		args = append(args, "--data-dir", n.data)
		began := time.Now()
		r := refusedWithin(t, 5*time.Second, "", args...)
		if took := time.Since(began); took > time.Second && !raceDetector {
			t.Errorf("the second host took %v to give up", took)
		}
		r.says(t, exitFailed, second.config, n.data, fmt.Sprintf("host pid %d", n.host.pid()), "in use")
		second.noSockets()
		load.progress(10)
	}
	after, _ := n.status()
	if before.GetTerm() != after.GetTerm() {
		t.Errorf("the first host was disturbed: term %d, then %d", before.GetTerm(), after.GetTerm())
	}
	load.stop()
	load.history.check(t, n.state(client.Linearizable))
	load.history.checkNoneUnknown(t)
	n.stop()
}

// An address that is taken is named with its key in the configuration.
func TestPortInUse(t *testing.T) {
	for _, x := range []struct {
		name    string
		address func(*node) string
		says    string
	}{
		{"client", func(n *node) string { return n.client }, "api.listen"},
		{"admin", func(n *node) string { return n.admin }, "admin.listen"},
		{"peer", func(n *node) string { return n.peer }, "transport"},
	} {
		t.Run(x.name, func(t *testing.T) {
			n := newSingle(t)
			l, err := net.Listen("tcp", x.address(n))
			if err != nil {
				t.Fatal(err)
			}
			args := append([]string{"serve"}, n.args()...)
			refusedWithin(t, 10*time.Second, "", args...).says(t, exitFailed, n.config, x.says, x.address(n), "in use")
			n.noSockets()
			l.Close()
			n.startReady() // nothing of the first try is in the way
			n.stop()
		})
	}
}
