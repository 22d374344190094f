package node

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// accepts checks a peer's message against raft's state, where raft itself would panic
// or be misled. It stands after validate, which looks at the message alone, and before
// raft's Step, in the same call of the Core, so that all it has seen is still so when raft
// steps the message.
//
// Its own checks have an order. First whether the message is for this member, and not
// of a sender that two processes serve; then whether its term may be believed, because
// raft takes a larger term from any message before it looks at the rest; then, by type,
// whether it fits this node's log and the leader of its term.
func (c *Core) accepts(m *pb.Message) error {
	if err := c.checkSender(m); err != nil {
		return err
	}
	last := c.lastIndex()
	switch m.GetType() {
	case pb.MsgSnap:
		if index := m.GetSnapshot().GetMetadata().GetIndex(); c.received.index != index {
			return invalid("snapshot %d was announced without its data", index)
		}
		return c.acceptsSnapshot(m)
	case pb.MsgApp:
		if err := c.checkLeader(m); err != nil {
			return err
		}
		return c.checkUnderstood(m)
	case pb.MsgReadIndexResp:
		return c.checkLeads(m)
	case pb.MsgTimeoutNow:
		// A member that has just started, or that had no part in an election, knows
		// no leader of the term yet: this may be the first that it hears of the
		// leader. But no leader hands over a term that is far away: it would be one
		// more by then, and too far from the others.
		by := reignOf{m.GetFrom(), m.GetTerm()}
		if by != c.ledBy && (by.term == c.ledBy.term || by.term > plusTerm(c.term, termSlack)) {
			return invalid("%x hands over term %d, which it is not known to lead in", by.leader, by.term)
		}
	case pb.MsgHeartbeat:
		if err := c.checkLeader(m); err != nil || m.GetTerm() < c.term {
			return err
		}
		if m.GetCommit() > last {
			return invalid("%x commits entry %d, the last one here is %d", m.GetFrom(), m.GetCommit(), last)
		}
	case pb.MsgAppResp:
		if c.leads() && !m.GetReject() && m.GetTerm() == c.term && m.GetIndex() > last {
			return invalid("%x acknowledges entry %d, the last one is %d", m.GetFrom(), m.GetIndex(), last)
		}
	case pb.MsgHeartbeatResp:
		if n := readPosition(m.GetContext()); c.leads() && m.GetTerm() == c.term && n > c.heartbeat {
			return invalid("%x confirms read %d, the last one asked for is %d", m.GetFrom(), n, c.heartbeat)
		}
	}
	return nil
}

// checkSender refuses what is for another member, or of one that is not heard.
func (c *Core) checkSender(m *pb.Message) error {
	if m.GetTo() != uint64(c.cfg.ID) {
		return invalid("%s for %x reached %s", m.GetType(), m.GetTo(), c.cfg.ID)
	}
	if err := c.checkDoubled(m); err != nil {
		return err
	}
	return c.checkTerm(m)
}

// checkLeader refuses the word of a leader if there is another one, and that of
// any while this node may have lost data.
func (c *Core) checkLeader(m *pb.Message) error {
	if err := c.checkLeads(m); err != nil {
		return err
	}
	return c.checkAccused(m)
}

// checkLeads refuses the word of a leader if another one leads in its term.
func (c *Core) checkLeads(m *pb.Message) error {
	if m.GetTerm() == c.term && c.lead != raft.None && c.lead != m.GetFrom() {
		return invalid("%x says that it leads in term %d, in which %x does", m.GetFrom(), c.term, c.lead)
	}
	return nil
}

// reignOf is the leadership of a member in a term.
type reignOf struct{ leader, term uint64 }

// acceptsSnapshot is accepts, after checkSender, for a snapshot whose data may be still
// to come. It refuses one that is not of the leader that this member follows, or has
// followed last, in its term: the log here would be given up for it. A leader is heard
// before its snapshot arrives, and sends again what was refused.
func (c *Core) acceptsSnapshot(m *pb.Message) error {
	if by := (reignOf{m.GetFrom(), m.GetTerm()}); by.term >= c.term && by != c.ledBy {
		return invalid("snapshot %d is of %x in term %d, which is not known to lead in it", m.GetSnapshot().GetMetadata().GetIndex(), by.leader, by.term)
	}
	return c.checkLeader(m)
}

// leads tells whether answers of peers concern this node: a former leader that
// restarted may get those to what it no longer knows of.
func (c *Core) leads() bool { return c.role == raft.StateLeader }
