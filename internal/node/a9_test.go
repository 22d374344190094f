package node

import (
	"slices"
	"testing"

	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// A follower is being sent a snapshot and takes no more of it. However much is
// written meanwhile, the leader keeps no more of the log in memory than its cap,
// and goes on with the others.
func TestA9AHungReceiverCostsNoMoreThanTheCap(t *testing.T) {
	const hung, writes = member.ID(3), 500
	d := newDistance(newSim(t, 2), 1, 10, 3, 0)
	if !d.until(1000, func() bool { return d.leader() != nil }) {
		t.Fatal("no member leads")
	}
	leader := d.leader()
	if leader.id == hung {
		leader.check(leader.core.Transfer(1))
		if !d.until(1000, func() bool { l := d.leader(); return l != nil && l.id != hung }) {
			t.Fatal("no other member leads")
		}
		leader = d.leader()
	}
	d.write(leader, 50, hung)
	leader.snapshot()
	leader.core.Compacted(leader.disk.first)
	d.write(leader, 50, hung)
	for i := range writes {
		leader.snapshot()
		d.write(leader, 1, 0)
		if have, most := leader.core.log.tailBytes, leader.core.cfg.MaxTailBytes; have > most {
			t.Fatalf("after %d writes the leader has %d bytes of the log in memory, want up to %d", i, have, most)
		}
	}
	if p := leader.core.progressOf(uint64(hung)); p.State != tracker.StateSnapshot {
		t.Errorf("the follower is in state %v: it is sent no snapshot, and the test shows nothing", p.State)
	}
	if at := d.nodes[hung-1].index; at >= leader.index {
		t.Errorf("the follower that hangs has applied %d of %d", at, leader.index)
	}
}

// write has the leader commit so many entries. To one member nothing goes, and from
// it nothing comes; snapshots go nowhere.
func (d *distance) write(leader *simNode, count int, silent member.ID) {
	d.t.Helper()
	for range count {
		before := len(d.acked)
		leader.propose()
		if !d.until(1000, func() bool {
			for i := len(d.wire) - 1; i >= 0; i-- {
				if m := d.wire[i]; m.snapshot != nil || m.to == silent || m.from == silent {
					d.wire = slices.Delete(d.wire, i, i+1)
					if i < len(d.due) {
						d.due = slices.Delete(d.due, i, i+1)
					}
				}
			}
			return len(d.acked) > before
		}) {
			d.t.Fatalf("a write is not committed: member %s is to lead", leader.id)
		}
	}
}
