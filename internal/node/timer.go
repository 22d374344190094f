package node

import pb "go.etcd.io/raft/v3/raftpb"

// timer is when the state machine of this node wants to be told the time. A leader puts a
// tick into the log then: an entry for its stamp alone (ADR 0062). The state machine says
// the next time when it has applied the tick, so one is under way at a time.
type timer struct {
	at      uint64 // 0 for never
	written uint64 // the index of the tick that is not applied; 0 if there is none
}

// SetTimer says when the state machine wants the next tick, by the time of the log; 0 for
// never. It comes before the Applied of the entry after which that is so.
func (c *Core) SetTimer(at uint64) { c.timer.at = at }

// applied notes how far the state machine is. A tick of this node that another leader's
// entry has replaced is not waited for beyond that entry.
func (t *timer) applied(index uint64) {
	if index >= t.written {
		t.written = 0
	}
}

// tickTimer puts a tick into the log if the time for it has come. It is called at each
// tick of raft, which bounds how often that is.
func (c *Core) tickTimer() {
	t := &c.timer
	if t.at == 0 || t.written != 0 || !c.reigns() || !c.stamping() || !c.knowsTime() || c.checkSpace() != nil || c.appends.len() >= c.cfg.MaxAppends {
		return
	}
	if stamp, _ := c.stamps.next(c.clock(), c.cfg.MaxClockDifference); stamp < t.at {
		return
	}
	index := c.lastIndex() + 1
	if c.handIn(uint64(c.cfg.ID), []*pb.Entry{{Data: encodeTick()}}) == nil {
		t.written = index
	}
}
