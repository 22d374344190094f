//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// behindRelays has the members of a cluster that was not started reach each other
// through relays, one before each of them.
func (c *cluster) behindRelays(t *testing.T) map[*node]*transporttest.Relay {
	t.Helper()
	relays := map[*node]*transporttest.Relay{}
	var urls []string
	for _, n := range c.nodes {
		relays[n] = transporttest.NewRelay(t, n.peer)
		urls = append(urls, "http://"+n.peer, "http://"+relays[n].Address())
	}
	for _, n := range c.nodes {
		n.write(n.config, strings.NewReplacer(urls...).Replace(n.configText()))
	}
	return relays
}

// A1: the link between the two members that are left is cut both ways. A request that
// was on its way fails in time on both of them and names the loss of the leader, and
// what comes later that there is none. When the link is mended both serve.
func TestA1ALinkCutBothWaysIsNamedOnBothSides(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	relays := c.behindRelays(t)
	c.start()
	leader := c.leader()
	ends := []*node{leader, c.others(leader)[0]}
	c.others(leader)[1].kill()
	for _, n := range ends {
		relays[n].Cut()
	}
	nameTheLoss(t, ends, "leader_lost")
	for _, n := range ends {
		n.knowsNoLeader()
		if reason, err := n.proposeOnce([]byte("y")); reason != "no_leader" {
			t.Errorf("%s, without a leader: reason %q, %v", n.name, reason, err)
		}
	}
	for _, n := range ends {
		relays[n].Heal()
	}
	for _, n := range ends {
		n.awaitReady()
		if _, err := n.proposeOnce([]byte("z")); err != nil {
			t.Errorf("%s, with the link mended: %v", n.name, err)
		}
	}
	for _, n := range ends {
		n.stop()
	}
}

// A1: a member that has never had a peer says that there is no leader.
func TestA1AMemberThatHasMetNoPeerNamesThat(t *testing.T) {
	t.Parallel()
	n := newCluster(t).nodes[0]
	n.start()
	n.knowsNoLeader()
	began := time.Now()
	reason, err := n.proposeOnce([]byte("x"))
	if took := time.Since(began); reason != "no_leader" || took > commitTimeout+lateAnswer {
		t.Errorf("after %v: reason %q, %v", took, reason, err)
	}
	n.stop()
}
