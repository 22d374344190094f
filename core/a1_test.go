package core_test

import (
	"context"
	"errors"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Messages of a follower to the leader are lost, and those of the leader arrive:
// the follower goes on following, and a request there names the lost connection
// when its time is up.
func TestA1ALostConnectionIsNamed(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, nil)
	leader := c.leader()
	follower := c.other(leader)
	c.network.Drop(func(m transport.Envelope) bool {
		return m.From == uint64(follower) && m.To == uint64(leader) && m.Class == pluginv1.MessageClass_CLASS_PROPOSAL
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := c.service(follower).Propose(ctx, []byte("x")); !errors.Is(err, server.ErrConnectionLost) {
		t.Errorf("the request ends with %v, want %v", err, server.ErrConnectionLost)
	}
	if got := c.service(follower).Status().Leader; got != leader {
		t.Errorf("the follower follows %s, want %s", got, leader)
	}
}
