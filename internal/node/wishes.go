package node

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// wishes are for snapshots of the state alone. A member whose log and votes are
// sound, and whose state machine cannot be brought up by the snapshots and the
// log that the member has, asks its leader for a snapshot: raft would send none,
// for it sees a log that lacks nothing. The wish goes with the answers to
// heartbeats. The leader's snapshot becomes the newest of this member, as if its
// own state machine had saved it; raft hears nothing of that but SnapshotSaved.
type wishes struct {
	own   uint64 // the least index that will do; 0 if this member wants nothing
	peers map[member.ID]*wish
}

// wish is that of a peer, as its leader knows it.
type wish struct {
	index uint64
	busy  bool   // a snapshot is on its way
	next  uint64 // the tick before which nothing is done for it
	news  uint64 // the index for which the log was made longer
	done  int    // how often the log was made longer for it, or a snapshot sent, in a row
	early early
}

// rest makes the next deed for the peer wait: twice as long each time, from least
// election timeouts on. Deeds of long ago do not count.
func (w *wish) rest(now, election uint64, least uint64) {
	w.done++
	w.next = now + election*max(least, pauseAfter(w.done+1))
}

// hear takes the last word of a peer.
func (w *wishes) hear(from member.ID, index uint64) {
	of := w.peers[from]
	switch {
	case of == nil && index == 0:
		return
	case of == nil:
		if w.peers == nil {
			w.peers = map[member.ID]*wish{}
		}
		of = &wish{}
		w.peers[from] = of
	}
	of.index = index
}

// WantState says that this member's state machine needs a snapshot at index or
// later from the leader; 0 that it needs none any more.
func (c *Core) WantState(index uint64) { c.wishes.own = index }

// grant does at each tick what the leader can do for the wishes of its
// followers. A snapshot is sent when the follower's log is known to reach it.
func (c *Core) grant() {
	if !c.leads() || !c.reigns() || c.wishes.own > 0 || c.hashes.doubtful() {
		return // a leader that wants a state itself, or may have the wrong one, has none to give
	}
	for id, w := range c.wishes.peers {
		if w.index == 0 || w.busy || c.hearing.ticks < w.next || !c.hears(uint64(id)) {
			continue
		}
		if c.hearing.ticks >= w.next+mostPause*uint64(c.cfg.ElectionTicks) {
			w.done = 0
		}
		snapshot := c.log.snapshot
		switch {
		case w.index > c.lastIndex()+1: // no follower's snapshot is ahead of its leader's log
		case snapshot.GetIndex() < w.index || !knows(snapshot.GetConfState(), uint64(id)):
			c.out.SnapshotWanted = true
			c.makeNews(w.index)
			if w.next = c.hearing.ticks + uint64(c.cfg.ElectionTicks); w.index > w.news {
				w.news = w.index
				w.rest(c.hearing.ticks, uint64(c.cfg.ElectionTicks), 1)
			}
		case c.progressOf(uint64(id)).Match >= snapshot.GetIndex():
			w.busy = true
			c.sendState(id, snapshot)
		}
	}
}

// makeNews makes the log reach index, the one after its end at most, so that
// there can be a snapshot there though no client writes: by an entry without data.
func (c *Core) makeNews(index uint64) {
	if c.lastIndex() < index && c.checkSpace() == nil {
		// An entry that is not taken now is asked for again.
		_ = c.handIn(uint64(c.cfg.ID), []*pb.Entry{{}})
	}
}

// sendState puts out a snapshot for a peer's state machine alone.
func (c *Core) sendState(to member.ID, snapshot *pb.SnapshotMetadata) {
	c.encoder.gossip = gossip{stateOnly: true}
	payload, err := c.encoder.encode(&pb.Message{
		Type: pb.MsgSnap.Enum(), To: new(uint64(to)), From: new(uint64(c.cfg.ID)), Term: new(c.term),
		Snapshot: &pb.Snapshot{Metadata: snapshot},
	})
	if err != nil {
		panic(fmt.Sprintf("encode snapshot %d: %v", snapshot.GetIndex(), err))
	}
	c.out.Snapshots = append(c.out.Snapshots, SnapshotSend{
		To: to, Index: snapshot.GetIndex(), Message: payload, StateOnly: true, Kept: c.takeKept(to),
	})
}

// StateSent reports the end of sending a snapshot for the state machine alone. One of
// which nothing has gone is sent again as if it were the first.
func (c *Core) StateSent(id member.ID, gone Gone) {
	w := c.wishes.peers[id]
	if w == nil {
		return
	}
	w.busy = false
	if election := uint64(c.cfg.ElectionTicks); gone.parts() > 0 {
		w.rest(c.hearing.ticks, election, 2)
	} else {
		w.next = c.hearing.ticks + 2*election
	}
}

// CheckState is why the state in a snapshot does not fit this member's log, or
// cannot be told to: the log must have the snapshot's last entry, durable and
// known to be committed. from is who sends it, registry the membership in it.
func (c *Core) CheckState(from member.ID, meta storage.SnapshotMetadata, registry *member.Registry) error {
	if err := matches(registry, meta.ConfState); err != nil {
		return fmt.Errorf("snapshot %d: %w", meta.Index, err)
	}
	_, has := registry.Member(c.cfg.ID)
	_, known := c.registry.Member(from)
	term, err := c.log.Term(meta.Index)
	commit := c.raft.BasicStatus().GetCommit()
	switch {
	case !has:
		return fmt.Errorf("snapshot %d does not know this member: %w", meta.Index, member.ErrUnknown)
	case !known:
		return fmt.Errorf("snapshot %d comes from %s: %w", meta.Index, from, member.ErrUnknown)
	case err != nil:
		return fmt.Errorf("snapshot %d: the log here is [%d,%d]: %w", meta.Index, c.log.first, c.log.last, err)
	case term != meta.Term:
		return fmt.Errorf("snapshot %d has term %d, and the log here has term %d there: %w", meta.Index, meta.Term, term, ErrInconsistent)
	case meta.Index > commit:
		return fmt.Errorf("snapshot %d: the log here is known to be committed up to %d", meta.Index, commit)
	}
	return nil
}
