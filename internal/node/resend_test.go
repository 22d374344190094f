package node

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// outrun makes the leader's log begin after what peer 2 has; peer 3 has all of it.
func (n *trio) outrun() {
	n.t.Helper()
	for range 3 {
		n.must(n.core.Propose(someProposal()))
		n.settle()
		n.ack(3)
	}
	n.saved(n.core.lastIndex())
	n.core.Compacted(n.core.lastIndex() + 1)
}

// lacks is how many snapshots come out for peer 2 in so many ticks, in which it answers
// and says, whatever it is sent, that it has what it had before. Ended tells what becomes of
// each.
func (n *trio) lacks(ticks int, ended func()) (sent int) {
	n.t.Helper()
	for range ticks {
		n.tick(1)
		n.ack(3)
		n.from(2, pb.MsgHeartbeatResp, &pb.Message{})
		has := n.core.progressOf(2)
		n.from(2, pb.MsgAppResp, &pb.Message{Index: new(has.Next - 1), Reject: new(true), RejectHint: new(has.Match)})
		for range n.out.Snapshots {
			sent++
			ended()
		}
		n.out.Snapshots = nil
	}
	return sent
}

// A follower that says for ever that it has no more than before is sent a second snapshot at
// once, and others after pauses that double, up to a bound: also if it refuses each of
// them at its end. The log says so once, and status why it does not get on. When it has
// got on it is a follower like any other.
func TestAFollowerThatNeverGetsOn(t *testing.T) {
	for name, ended := range map[string]func(n *trio){
		"taken": func(n *trio) { n.must(n.core.SnapshotStatus(2, true)) },
		"refused": func(n *trio) {
			n.core.SnapshotFailed(2, errors.New("no"), 100)
			n.must(n.core.SnapshotStatus(2, false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			n := newVoters(t, 3, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			n.elect()
			for range 2 {
				n.outrun()
				if sent := n.lacks(8, func() { ended(n) }); sent != 2 {
					t.Fatalf("%d snapshots in less than an election timeout, want 2", sent)
				}
				if sent := n.lacks(2000, func() { ended(n) }); sent < 5 || sent > 9 {
					t.Errorf("%d snapshots in 200 election timeouts, want 8 or so", sent)
				}
				if _, why := n.stalled(2); name == "taken" && !strings.Contains(why, "lacks as much as before") {
					t.Errorf("it gets nowhere because %s", why)
				}
				n.ack(2)
				n.tick(1)
			}
			if said := strings.Count(log.String(), "ever longer pauses"); said != 2 {
				t.Errorf("said %d times, want once for each time:\n%s", said, log.String())
			}
		})
	}
}

// A snapshot of which nothing went, as when the way to the follower is broken, counts
// for nothing.
func TestSnapshotsThatDoNotGoAreSentAgain(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.outrun()
	fails := func() {
		n.core.SnapshotFailed(2, errors.New("no route to host"), 0)
		n.must(n.core.SnapshotStatus(2, false))
	}
	if sent := n.lacks(100, fails); sent < 40 {
		t.Errorf("%d tries in 100 ticks", sent)
	}
}

// A follower that asks for a state for ever, of the same index or always of the next one,
// has the leader do ever less for it.
func TestAFollowerThatAlwaysAsksForAState(t *testing.T) {
	for name, next := range map[string]uint64{"of the same index": 0, "of the next index": 1} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			n.elect()
			n.ack(2)
			n.saved(n.core.lastIndex())
			deeds := 0
			for range 3000 {
				before := n.core.lastIndex()
				sends, _ := n.given(1, n.core.log.snapshot.GetIndex()+next)
				n.ack(2)
				n.ack(3)
				if len(sends) > 0 {
					n.core.StateSent(2)
				}
				if n.core.lastIndex() > before {
					n.saved(n.core.lastIndex())
				}
				deeds += len(sends) + int(n.core.lastIndex()-before)
			}
			if deeds < 5 || deeds > 16 {
				t.Errorf("%d snapshots and entries in 300 election timeouts, want a dozen at most", deeds)
			}
		})
	}
}
