package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A host whose raft has found its own invariants broken ends with ErrFailed and
// the reason: it builds no other node from the same disk, which would find the
// same. The others go on.
func TestBrokenInvariantsEndTheHost(t *testing.T) {
	c := newCluster(t, 3, nil)
	broken := c.leader()
	c.propose(broken, "before")
	host := c.nodes[broken].host
	core.OnRaft(host, func(*node.Core) error {
		return fmt.Errorf("%w: tocommit(9) is out of range [lastIndex(3)]", node.ErrFailed)
	})
	select {
	case <-host.Failed():
	case <-c.patience().Done():
		t.Fatal("the host goes on")
	}
	if err := host.Err(); !errors.Is(err, node.ErrFailed) || !strings.Contains(err.Error(), "tocommit") {
		t.Errorf("the host ended with %v, want %v and the reason", err, node.ErrFailed)
	}
	if c.nodes[broken].log.position("node was built anew") >= 0 {
		t.Error("another node was built")
	}
	c.stop(broken)
	c.propose(c.other(broken), "after")
	delete(c.nodes, broken)
}

// A leader whose state machine hangs has taken more than it may have uncommitted:
// 64 MiB. The cluster does not stop for that: leadership goes to a member whose
// state machine works, and writes go on there.
func TestAFullLeaderDoesNotStopTheCluster(t *testing.T) {
	c := newCluster(t, 3, nil)
	full := c.leader()
	c.propose(full, "before")
	_, release := c.nodes[full].machine().Hold()
	t.Cleanup(release)
	const size, most = 1 << 20, 64 << 20
	for sent := 0; sent <= most; sent += size {
		at := c.members[sent/size%len(c.members)].ID
		c.service(at).ProposeAsync(make([]byte, size), 0, func(server.Result, error) {})
	}
	other := c.other(full)
	c.eventually("another leader", func() bool {
		l := c.service(other).Status().Leader
		return l != 0 && l != full
	})
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c.eventually("a write through another member", func() bool {
		_, err := c.service(other).Propose(ctx, []byte("after"))
		return err == nil
	})
	if applied := c.service(full).Status().Applied; applied >= c.service(other).Status().Applied {
		t.Error("the state machine of the first leader does not hang: this shows nothing")
	}
}
