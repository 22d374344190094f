package core_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
)

const givenUp = "requests in flight are ended without an answer"

// A stop waits for the answers to requests only as long as a client is there that
// could read them: one whose client has gone holds up no stop.
func TestA8RequestsWhoseClientIsGoneHoldUpNoStop(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(map[bool]string{false: "the client is there", true: "the client is gone"}[gone], func(t *testing.T) {
			c := newCluster(t, 3, func(cfg *core.Config) { cfg.Election = 2 * time.Second }) // for so long it leads on
			leader := c.leader()
			c.network.Isolate(uint64(leader))
			leave := c.proposeWithoutAnswer(leader)
			if gone {
				leave()
				c.eventually("the stream to end", func() bool { return core.Abandoned(c.nodes[leader].host) == 1 })
			}
			c.stop(leader)
			if waited := c.nodes[leader].log.position(givenUp) >= 0; waited == gone {
				t.Errorf("the stop waited in vain for a request: %t", waited)
			}
			delete(c.nodes, leader)
		})
	}
}

// proposeWithoutAnswer proposes through the port for clients, and returns when the
// proposal waits for its answer. leave ends the client.
func (c *cluster) proposeWithoutAnswer(id member.ID) (leave func()) {
	c.t.Helper()
	conn, err := grpc.NewClient(c.nodes[id].host.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(cancel)
	stream, err := hostv1.NewHostClient(conn).Proposals(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 1, Data: []byte("x")}}}); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("a request that waits", func() bool { return core.Awaited(c.nodes[id].host) == 1 })
	return cancel
}
