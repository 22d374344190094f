package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// holdRaft keeps the raft goroutine of a member where it is until release, and returns
// when it stands.
func (c *cluster) holdRaft(id member.ID) (release func()) {
	stands, released := make(chan struct{}), make(chan struct{})
	core.OnRaft(c.nodes[id].host, func(*node.Core) error {
		close(stands)
		<-released
		return nil
	})
	<-stands
	return func() { close(released) }
}

// stopForced stops a member, whose stop has to name the raft goroutine and nothing else
// within the time of a whole stop.
func (c *cluster) stopForced(id member.ID) {
	c.t.Helper()
	h := c.nodes[id].host
	begun := time.Now()
	err := h.Stop(context.Background())
	if took := time.Since(begun); took > wholeStop {
		c.t.Errorf("the stop took %v", took)
	}
	if !errors.Is(err, core.ErrForced) || !strings.Contains(err.Error(), "the raft goroutine") {
		c.t.Errorf("the stop gave %v, want %v that names the raft goroutine", err, core.ErrForced)
	}
	for _, innocent := range []string{"storage", "memory", "network", "register", "server goroutine", "data directory", "catalog", "restarted"} {
		if err != nil && strings.Contains(err.Error(), innocent) {
			c.t.Errorf("the stop names %q, which ended: %v", innocent, err)
		}
	}
	if log := strings.Join(c.nodes[id].log.all(), "\n"); !strings.Contains(log, "holdRaft") {
		c.t.Errorf("the log does not say where the raft goroutine stands:\n%s", log)
	}
}

// Statement A5: a raft goroutine that stands still, which only a defect can bring
// about, takes no more than its share of a stop, also with a request that waits and
// leadership to give away. All that comes after it ends as ever: the next host has the
// data directory.
func TestA5ARaftGoroutineThatStandsStillIsGivenUp(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.keepDirs()
	leader := c.leader()
	release := c.holdRaft(leader)
	outcome := make(chan error, 1)
	c.service(leader).ProposeAsync([]byte("waits"), 0, func(_ server.Result, err error) { outcome <- err })
	c.stopForced(leader)
	if err := <-outcome; err == nil {
		t.Error("the request that waited was acknowledged")
	}
	release()
	c.start(leader, false)
	c.leader()
}

// The same for one that stands still when the storage fails: the node cannot be built
// anew, so the host ends.
func TestA5AStoppedRaftGoroutineIsNamedWhileTheStorageFails(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.leader()
	appending, fail := make(chan struct{}, 1), make(chan struct{})
	c.nodes[1].disk.OnAppend(func(batches []storage.Batch) error {
		if !holds(batches, "fails") {
			return nil
		}
		appending <- struct{}{}
		<-fail
		return errDisk
	})
	c.service(1).ProposeAsync([]byte("fails"), 0, func(server.Result, error) {})
	<-appending
	release := c.holdRaft(1)
	close(fail)
	c.says(1, "storage failed")
	c.stopForced(1)
	release()
	delete(c.nodes, 1)
}
