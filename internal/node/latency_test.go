package node

import (
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// The latency that was learnt while the state machine stood still is forgotten
// with that. A value that is larger than the window goes alone, and is not
// refused for the time that others took once: nothing is under way.
func TestTheLatencyOfAStallPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newVoters(t, 3, func(cfg *Config) { cfg.Limits.MaxEntryBytes = 32 << 20 })
		l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
		ports := &rejecting{}
		n := New(l.core, ports)
		offer := func(number uint64) int {
			p := NewProposal(RequestID{Origin: 1, Number: number}, make([]byte, 9<<20)) // a follower's share is 8 MiB
			p.Until = time.Now().Add(7 * time.Second)
			n.Propose(p)
			return l.forwards(n)
		}
		if offer(1) != 1 {
			t.Fatal("the first value is not forwarded")
		}
		last := l.core.lastIndex()
		e := proposalEntries([][]byte{NewProposal(RequestID{Origin: 1, Number: 1}, make([]byte, 9<<20)).plain()})[0]
		e.Term, e.Index = new(uint64(2)), new(last+1)
		l.from(2, pb.MsgApp, &pb.Message{
			Term: new(uint64(2)), LogTerm: new(l.core.log.terms.term(last)), Index: new(last), Commit: new(last + 1), Entries: []*pb.Entry{e},
		})
		time.Sleep(time.Minute) // the state machine stands still
		l.core.Applied(last + 1)
		if l.core.window.bytes != 0 {
			t.Fatalf("%d bytes are under way after everything was applied", l.core.window.bytes)
		}
		for range 10 { // elections with a leader, in which nothing is under way
			l.led(l.core.cfg.ElectionTicks)
		}
		time.Sleep(time.Hour)
		for number := uint64(2); number < 12; number++ {
			if offer(number) == 1 {
				return
			}
		}
		t.Errorf("%d values are refused, with the patience of seven seconds, though nothing is under way for an hour; the latency is %v",
			len(ports.ids), l.core.window.latency)
	})
}
