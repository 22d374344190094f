package node

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// changeLog follows the membership changes in the log until they are applied,
// and the registrations of the host, which others are told of as well. A change takes effect, is answered, and is told to others as committed, only
// when the commit index that covers it is durable here. Otherwise a crash could
// forget that it was committed, and a node whose only peer was removed, and is
// gone, could never be elected again (ADR 0024).
type changeLog struct {
	indexes []uint64 // of the changes that are not applied, in order
	durable uint64   // commit index that is on disk for certain
	// deferred are committed entries that wait for that.
	deferred []*pb.Message
	clamped  bool // a peer was told less than is committed
}

// appended notes the changes among entries that go into the log, and forgets
// those that they overwrite.
func (l *changeLog) appended(entries []*pb.Entry) {
	if len(entries) == 0 {
		return
	}
	for n := len(l.indexes); n > 0 && l.indexes[n-1] >= entries[0].GetIndex(); n-- {
		l.indexes = l.indexes[:n-1]
	}
	for _, e := range entries {
		if e.GetType() == pb.EntryConfChange || isOwn(e.GetData()) {
			l.indexes = append(l.indexes, e.GetIndex())
		}
	}
}

// applied forgets the changes up to index.
func (l *changeLog) applied(index uint64) {
	for len(l.indexes) > 0 && l.indexes[0] <= index {
		l.indexes = l.indexes[1:]
	}
}

// waitsFor is the first change whose commit is not durable; 0 if there is none.
func (l *changeLog) waitsFor() uint64 {
	for _, index := range l.indexes {
		if index > l.durable {
			return index
		}
	}
	return 0
}

// apply puts committed entries out, or keeps them back until the commit index
// is durable that a change among them waits for. After entries that are kept back all
// later ones are kept back too, so that they come out in the order of the log.
func (c *Core) apply(m *pb.Message) {
	entries := m.GetEntries()
	waits := c.changes.waitsFor()
	if len(c.changes.deferred) == 0 && (waits == 0 || waits > entries[len(entries)-1].GetIndex()) {
		c.putApply(m)
		return
	}
	c.changes.deferred = append(c.changes.deferred, m)
	if !c.covered(waits) {
		c.flushCommit(true)
	}
}

// covered tells whether an append in flight makes the commit of index durable.
func (c *Core) covered(index uint64) bool {
	for i := range c.appends.items {
		if c.appends.items[i].commit >= index {
			return true
		}
	}
	return false
}

// settle goes on with what waited for commit to be durable, up to the next change
// whose own commit is not. It asks for a write of the commit index only if no append in
// flight carries it.
func (c *Core) settle(commit uint64) {
	l := &c.changes
	l.durable = max(l.durable, commit)
	if l.clamped && l.waitsFor() == 0 {
		l.clamped = false
		c.tellCommit() // a member that the change removes hears of it for the last time
	}
	for len(l.deferred) > 0 && c.failed == nil {
		m := l.deferred[0]
		entries := m.GetEntries()
		last := entries[len(entries)-1].GetIndex()
		if waits := l.waitsFor(); waits != 0 && waits <= last {
			if !c.covered(waits) {
				c.flushCommit(true)
			}
			return
		}
		l.deferred = l.deferred[1:]
		c.putApply(m)
	}
	l.deferred = nil
}

// clamp lowers the commit index that a peer is told to what is durable of
// changes. A lower one is older news, which is always sound.
func (c *Core) clamp(m *pb.Message) {
	if waits := c.changes.waitsFor(); waits != 0 && m.GetCommit() >= waits {
		m.Commit = new(waits - 1)
		c.changes.clamped = true
	}
}

// tellCommit sends all members the commit index by a heartbeat of its own.
func (c *Core) tellCommit() {
	if !c.leads() {
		return
	}
	commit := c.raft.BasicStatus().GetCommit()
	c.raft.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		c.send(&pb.Message{
			Type: pb.MsgHeartbeat.Enum(), From: new(uint64(c.cfg.ID)), To: new(id),
			Term: new(c.term), Commit: new(min(pr.Match, commit)),
		})
	})
}

// flushCommit puts out a commit index that nothing else has carried; synced if
// something depends on it.
func (c *Core) flushCommit(sync bool) {
	c.lazyCommit = false
	var record appendRecord
	if sync {
		record.commit = c.saved.Commit
	}
	n := c.appends.push(record)
	c.out.Appends = append(c.out.Appends, Append{Number: n, Batch: storage.Batch{HardState: c.saved, MustSync: sync}})
}

// Flush puts out the commit index if that was only kept in memory: the last
// thing before an orderly end.
func (c *Core) Flush() error {
	return c.step(func() error {
		if c.lazyCommit {
			c.flushCommit(true)
		}
		return nil
	})
}
