package node

import (
	"testing"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// ticks are the ticks that came out for apply since the last call.
func (n *trio) ticksOut() (count int) {
	for _, a := range n.out.Applies {
		for _, c := range a.Commands {
			if c.Tick {
				count++
			}
		}
	}
	n.out.Applies = nil
	return count
}

// A leader puts a tick into the log when its clock has reached the time that the state
// machine waits for: not before, one at a time however long the state machine takes, and
// none when there is nothing to wait for. The stamp of the tick has reached that time.
func TestATickComesWhenTheStateMachineWaitsForIt(t *testing.T) {
	k := &testClocks{noon, map[uint64]uint64{2: noon, 3: noon}}
	n := stamped(t, 3, k)
	pass := func() int {
		t.Helper()
		for range 5 {
			n.live(1, 2, 3)
			n.showClocks(k)
			n.ack(2)
			n.ack(3)
		}
		return n.ticksOut()
	}
	tells := func(at uint64) {
		n.core.SetTimer(at)
		n.core.Applied(n.core.putOut)
	}
	if got := pass(); got != 0 {
		t.Errorf("%d ticks, and the state machine waits for nothing", got)
	}
	tells(noon + second)
	if got := pass(); got != 0 {
		t.Errorf("%d ticks before the time", got)
	}
	k.own, k.peers = noon+second, map[uint64]uint64{2: noon + second, 3: noon + second}
	if got := pass(); got != 1 {
		t.Errorf("%d ticks while the state machine has not applied the first, want 1", got)
	}
	h, payload, err := decodeCommand(n.core.log.tail[len(n.core.log.tail)-1].GetData())
	if err != nil || !h.tick || h.stamp < noon+second || len(payload) != 0 {
		t.Errorf("the tick is %+v, %v", h, err)
	}
	tells(noon + second)
	if got := pass(); got != 1 {
		t.Errorf("%d ticks for a state machine that waits on, want 1", got)
	}
	tells(0)
	if got := pass(); got != 0 {
		t.Errorf("%d ticks when there is nothing to wait for", got)
	}
	if n.core.window.bytes != 0 {
		t.Error("a tick counts as a client's proposal")
	}
}

// A follower puts nothing into the log, nor does a cluster below the level of stamps.
func TestWhoPutsNoTicks(t *testing.T) {
	k := &testClocks{noon, map[uint64]uint64{2: noon, 3: noon}}
	n := newVoters(t, 3, understanding(member.StampLevel-1), func(c *Config) { c.Clock = func() uint64 { return k.own } })
	n.elect()
	n.core.SetTimer(1)
	last := n.core.lastIndex()
	n.settled(2, 3)
	if n.core.lastIndex() != last {
		t.Error("a tick below the level of stamps")
	}
}
