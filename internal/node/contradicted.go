package node

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// How long a follower must contradict an acknowledgement in its name until the
// leader begins a new term, and how long it waits before it does so for the
// same follower again; in election timeouts.
const (
	contradictedElections = 2
	contradictedPause     = 20
)

// contradicted is what a leader knows of an acknowledgement that its peer
// denies. Raft keeps to what was acknowledged for as long as the term lasts: it
// would send nothing from before that, and the peer can take nothing from
// after it.
type contradicted struct {
	since, last uint64 // ticks; last is 0 if it was never denied
	renewed     uint64 // the tick of the last term that was begun for this
}

// hearDenial takes a peer's rejection of what it has acknowledged by the leader's
// knowledge. A late rejection from before the acknowledgement looks the same, so
// it must go on.
func (c *Core) hearDenial(m *pb.Message) {
	from := member.ID(m.GetFrom())
	match := c.progressOf(m.GetFrom()).Match
	if match == 0 || m.GetIndex() > match || m.GetRejectHint() >= match {
		return
	}
	if c.denials == nil {
		c.denials = map[member.ID]contradicted{}
	}
	d, now, election := c.denials[from], c.hearing.ticks, uint64(c.cfg.ElectionTicks)
	if d.last == 0 || now-d.last > election {
		d.since = now
	}
	d.last = now
	if now-d.since >= contradictedElections*election && (d.renewed == 0 || now-d.renewed > contradictedPause*election) {
		d.renewed, d.last = now, 0
		c.denials[from] = d
		c.cfg.Logger.Warn("a member contradicts an acknowledgement in its name: this leader begins a new term", "member", from,
			"acknowledged", match, "has", m.GetRejectHint())
		c.renewReign(m)
		return
	}
	c.denials[from] = d
}

// renewReign begins a term in which nothing counts that was acknowledged before.
// This member asks for votes at once, as after a transfer of leadership: its
// log has everything that it has committed.
func (c *Core) renewReign(m *pb.Message) {
	self := uint64(c.cfg.ID)
	_ = c.raft.Step(&pb.Message{
		Type: pb.MsgAppResp.Enum(), From: m.From, To: new(self), Term: new(c.term + 1), Reject: new(true),
	})
	c.collect()
	c.witness.cause = causeDenied
	_ = c.raft.Step(&pb.Message{Type: pb.MsgTimeoutNow.Enum(), From: new(self), To: new(self)})
	c.collect()
	c.witness.cause = ""
}

// contradict tells a leader that this member has not acknowledged what the
// leader counts on: by the rejection of an append that would follow it. That binds
// this member to nothing, also in a term that it has not entered.
func (c *Core) contradict(m *pb.Message) {
	last := min(c.lastIndex(), c.log.last)
	at, err := c.log.Term(last)
	if err != nil {
		return
	}
	c.send(&pb.Message{
		Type: pb.MsgAppResp.Enum(), To: m.From, From: new(uint64(c.cfg.ID)), Term: m.Term,
		Index: new(last + 1), Reject: new(true), RejectHint: new(last), LogTerm: new(at),
	})
}
