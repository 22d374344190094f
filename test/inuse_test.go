//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
)

// A second host on the same data gives up within a second, on a machine where
// hosts start as fast, and names the first, which is not disturbed: 100 times,
// under its own name for the directory and through a symbolic link.
func TestDataDirectoryInUse(t *testing.T) {
	n := newSingle(t)
	n.startReady()
	load := startWorkload(t, n)
	load.progress(10)
	before, _ := n.status()
	link := filepath.Join(filepath.Dir(n.data), "link")
	if err := os.Symlink(n.data, link); err != nil {
		t.Fatal(err)
	}
	limit := max(time.Second, handover+2*timeToStart(t))
	var challengers sync.WaitGroup
	var late atomic.Int64
	for _, dir := range []string{n.data, link, n.data, link} {
		second := newSingle(t)
		challengers.Go(func() {
			for range rounds(25) {
				if took := challenge(t, second, dir, n.host.PID(), 5*limit); took > limit {
					late.Add(1)
				}
				load.progress(10)
			}
		})
	}
	challengers.Wait()
	// One in ten may meet a machine that is busy with something else.
	refused := int64(4 * rounds(25))
	t.Logf("%d of %d second hosts took more than %v to give up", late.Load(), refused, limit)
	if late.Load() > refused/10 {
		t.Error("second hosts wait for longer than a first one may be ending")
	}
	after, _ := n.status()
	if before.GetTerm() != after.GetTerm() {
		t.Errorf("the first host was disturbed: term %d, then %d", before.GetTerm(), after.GetTerm())
	}
	load.stop()
	load.history.Check(t, n.state(client.Linearizable))
	load.history.CheckNoneUnknown(t)
	n.stop()
}

// handover is how long a host waits for the locks of one that may be ending.
const handover = 700 * time.Millisecond

// timeToStart is how long a host takes on this machine, as busy as it is, until
// it serves: the median of a few.
func timeToStart(t *testing.T) time.Duration {
	t.Helper()
	var took []time.Duration
	for range 5 {
		n := newSingle(t)
		began := time.Now()
		n.startReady()
		took = append(took, time.Since(began))
		n.stop()
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// challenge starts second on the data of a running host and returns how long it
// took to be refused; most is too long for any.
func challenge(t *testing.T, second *node, dir string, holder int, most time.Duration) time.Duration {
	t.Helper()
	args := append([]string{"serve"}, second.args()...)
	began := time.Now()
	r := refusedWithin(t, most, "", append(args, "--data-dir", dir)...)
	took := time.Since(began)
	r.says(t, exitFailed, second.config, dir, fmt.Sprintf("host pid %d", holder), "in use")
	second.noSockets()
	return took
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
