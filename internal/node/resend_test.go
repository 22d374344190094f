package node

import (
	"bytes"
	"errors"
	"fmt"
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
			n.core.SnapshotFailed(2, errors.New("no"), Gone{Read: 1, Of: 1})
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
		n.core.SnapshotFailed(2, errors.New("no route to host"), Gone{})
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
					n.core.StateSent(2, Gone{Read: 1, Of: 1})
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

// Parts of a snapshot, however small, have a pause between them after the second, so that
// many small ones are not a whole one each moment.
func TestSmallPartsOfSnapshotsHavePauses(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.outrun()
	sent := n.lacks(1000, func() {
		n.core.SnapshotFailed(2, errors.New("broken"), Gone{Read: 5 << 20, Of: 1 << 30})
		n.must(n.core.SnapshotStatus(2, false))
	})
	if sent < 90 || sent > 102 {
		t.Errorf("%d parts in 100 election timeouts, want one for each", sent)
	}
}

// Bytes that need not have left the host count for next to nothing: a member that was not
// reached for long is sent a snapshot within an election timeout once it is.
func TestSnapshotsThatDidNotLeaveTheHostCountForLittle(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.outrun()
	fails := func() {
		n.core.SnapshotFailed(2, errors.New("no route to host"), Gone{Read: 8 << 20, Ahead: 12 << 20, Of: 8 << 20})
		n.must(n.core.SnapshotStatus(2, false))
	}
	n.lacks(10_000, fails)
	if sent := n.lacks(10, fails); sent != 1 {
		t.Errorf("%d snapshots in the next election timeout, want 1", sent)
	}
}

// A follower that was broken need not wait for the end of a pause once its host is started
// again, or says that it is better. One that says so all the time gets no more than one in the
// longest pause.
func TestAFollowerThatIsWellAgainNeedNotWait(t *testing.T) {
	for name, better := range map[string]func(n *trio, step uint64){
		"started again": func(n *trio, step uint64) { n.hearRun(2, 100+step) },
		"has space again": func(n *trio, _ uint64) {
			n.core.hear(heard{&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(uint64(2)), To: new(uint64(1))}, gossip{condition: ShortOfSpace}})
			n.core.hear(heard{&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(uint64(2)), To: new(uint64(1))}, gossip{}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTrio(t)
			n.elect()
			n.hearRun(2, 99)
			n.outrun()
			refuses := func() {
				n.core.SnapshotFailed(2, errors.New("no space"), Gone{Read: 1, Of: 1})
				n.must(n.core.SnapshotStatus(2, false))
			}
			n.lacks(1500, refuses) // in the middle of the longest pause
			if sent := n.lacks(10, refuses); sent > 0 {
				t.Fatal("there is no pause")
			}
			if _, why := n.stalled(2); !strings.Contains(why, "no space; the next is sent within ") {
				t.Errorf("it gets nowhere because %s", why)
			}
			better(n, 0)
			if sent := n.lacks(2, refuses); sent != 1 {
				t.Errorf("%d snapshots to a follower that is well again, want one at once", sent)
			}
			sent := 0
			for step := range uint64(6400) {
				better(n, 1+step)
				sent += n.lacks(1, refuses)
			}
			if sent < 9 || sent > 11 {
				t.Errorf("%d snapshots in ten of the longest pauses, want one in each", sent)
			}
		})
	}
}

// hearRun has a member answer a heartbeat in the name of that process.
func (n *trio) hearRun(from, run uint64) {
	n.core.hear(heard{&pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(from), To: new(uint64(1))}, gossip{run: run}})
}

// Status says how many snapshots there were, and not how many there had been once.
func TestStatusCountsTheSnapshotsToAFollower(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.outrun()
	sent := n.lacks(1000, func() { n.must(n.core.SnapshotStatus(2, true)) })
	if _, why := n.stalled(2); !strings.Contains(why, fmt.Sprintf("it was sent %d, and", sent)) {
		t.Errorf("%d were sent, and it gets nowhere because %s", sent, why)
	}
}

// A follower that has each snapshot, and whose leader has compacted its log again meanwhile,
// gets on: the next one goes at once, also within the tick.
func TestAFollowerThatIsOneSnapshotBehind(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.outrun()
	n.lacks(1, func() { n.must(n.core.SnapshotStatus(2, true)) })
	for round := range 10 {
		at := n.core.watch.peers[2].resends.index
		n.outrun()
		n.from(2, pb.MsgAppResp, &pb.Message{Index: new(at)})
		if sent := len(n.out.Snapshots); sent != 1 {
			t.Fatalf("%d snapshots in round %d, want 1", sent, round)
		}
		n.out.Snapshots = nil
		n.must(n.core.SnapshotStatus(2, true))
	}
}

// So it is with a follower that asks for a state, once it has had a few for nothing.
func TestAFollowerThatIsStartedAgainIsGivenAState(t *testing.T) {
	n := newTrio(t)
	n.elect()
	n.ack(2)
	at := n.core.lastIndex()
	n.saved(at)
	n.hearRun(2, 99)
	asks := func(ticks int) (sent int) {
		for range ticks {
			sends, _ := n.given(1, at)
			n.ack(2)
			n.ack(3)
			for range sends {
				n.core.StateSent(2, Gone{Read: 1, Of: 1})
				sent++
			}
		}
		return sent
	}
	asks(1500)
	if sent := asks(10); sent > 0 {
		t.Fatal("there is no pause")
	}
	n.hearRun(2, 100)
	if sent := asks(2); sent != 1 {
		t.Errorf("%d snapshots to a follower that was started again, want one at once", sent)
	}
}
