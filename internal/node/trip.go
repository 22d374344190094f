package node

import (
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// trips are how a leader learns how long a round trip to each member takes: a heartbeat says
// when it was sent, by the clock of its sender, and the answer says that again. It does not
// wait for a disk, so it is the time of the network, of the transports at both ends, and of
// the two raft goroutines.
type trips struct {
	since time.Time // elapsed counts from here
	// from is the leader whose heartbeat is to be answered, and sent what that says; 0 if
	// there is none.
	from member.ID
	sent uint64
}

// hear takes what a heartbeat says. Of several that wait the first one was on its way for
// longest.
func (t *trips) hear(from member.ID, sent uint64) {
	if t.sent == 0 || t.from != from {
		t.from, t.sent = from, sent
	}
}

// answer is what an answer to a heartbeat of that member says, once for each heartbeat.
func (t *trips) answer(to member.ID) (sent uint64) {
	if t.from == to {
		sent, t.sent = t.sent, 0
	}
	return sent
}

// forget forgets a heartbeat that was not answered: a later answer is to another one.
func (t *trips) forget() { t.sent = 0 }

// elapsed is how long this node has run, in nanoseconds; 0 in a Core without a Node.
func (c *Core) elapsed() uint64 {
	if c.now.IsZero() {
		return 0
	}
	return uint64(max(c.now.Sub(c.trips.since), 1))
}

// hearTrip takes an answer to a heartbeat of this term. A member that lies spoils no other
// one's times, and says none that is longer than this node has run.
func (c *Core) hearTrip(from member.ID, h heard) {
	p, sent, now := c.watch.peers[from], h.gossip.sent, c.elapsed()
	if p == nil || p.trip == nil || h.message.GetTerm() != c.term || h.message.GetType() != pb.MsgHeartbeatResp || sent == 0 || sent > now {
		return
	}
	p.trip.Observe(time.Duration(now - sent).Seconds())
}
