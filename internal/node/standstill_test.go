package node

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// A leader that is heard and gets nothing committed takes no more of its own
// clients' proposals than its window, however long that lasts: the others wait,
// and can be withdrawn (ADR 0032). It has the first ones in its log, so none of
// them can be lost.
func TestALeaderThatCommitsNothingLetsItsOwnWait(t *testing.T) {
	l := newVoters(t, 3, func(cfg *Config) { cfg.MaxUncommittedBytes = 64 << 20 })
	l.elect()
	n := New(l.core, statePorts{})
	for _, p := range manyProposals(100, 1<<20) {
		n.Propose(p)
	}
	before := l.core.lastIndex()
	for tick := range 30 * l.core.cfg.ElectionTicks {
		_, err := n.handIn(nil)
		l.must(err)
		l.settle()
		l.out = Output{}
		if got := l.core.lastIndex() - before; got != windowBytes>>20 {
			t.Fatalf("%d of 100 MiB are in the log at tick %d, want %d", got, tick, windowBytes>>20)
		}
		l.must(l.core.Tick())
		for _, id := range []uint64{2, 3} {
			l.from(id, pb.MsgHeartbeatResp, &pb.Message{})
		}
	}
	if !l.core.leads() {
		t.Fatal("it leads no longer: this shows nothing")
	}
}
