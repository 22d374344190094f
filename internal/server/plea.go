package server

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// helpless is the error of a member whose snapshots are all of no use, up to the
// newest, and whose log begins too late to do without.
type helpless struct {
	error
	newest uint64
}

// Unwrap returns the error itself.
func (h helpless) Unwrap() error { return h.error }

// reason comes before the error itself.
func (h helpless) reason() string {
	if errors.Is(h.error, member.ErrParted) {
		return ""
	}
	return "no snapshot here can be restored, and the log does not reach back far enough: "
}

// final is the error if no other member helps either.
func (h helpless) final(why string) error {
	return fmt.Errorf("%w: "+h.reason()+"%w; %s; "+
		"start it with a state machine that can read them, or remove this member and add it anew with an empty data directory, "+
		"so that it gets its state from the leader", ErrPermanent, h.error, why)
}

// maxPleas is how many snapshots of the leader a member takes in a row that turn
// out to be damaged.
const maxPleas = 3

// plea is what the leader is asked for.
type plea struct {
	index uint64        // the least that will do
	text  string        // why, for status
	given atomic.Uint64 // the index of the leader's snapshot, when it is there
}

// pleas are those of the past, since the state machine was last brought up.
type pleas struct {
	last    uint64 // the index of the last snapshot that the leader gave
	count   int    // snapshots that it gave
	refused bool   // a state machine could not be restored from one of them
}

// plead asks the leader for a snapshot newer than those of no use, by way of node
// n, and waits until it is in the storage, or there is another node: either is
// worth another try. This member votes and follows meanwhile. The error says that
// there will be none.
func (d *driver) plead(n *node.Node, h helpless) error {
	s := d.s
	switch {
	case s.ended():
		return ErrStopping
	case s.pleas.refused:
		return h.final(fmt.Sprintf("snapshot %d of the leader cannot be restored either", s.pleas.last))
	case s.pleas.count >= maxPleas:
		return h.final(fmt.Sprintf("%d snapshots of the leader were damaged, too", s.pleas.count))
	case n == nil:
		return nil // waitStorage waits
	case !s.hasOtherVoters(n):
		return h.final("there is no other voter that could give it one")
	}
	p := &plea{index: h.newest + 1, text: fmt.Sprintf("the state machine waits for a snapshot of the leader at entry %d or later: "+
		"%s%v", h.newest+1, h.reason(), h.error)}
	s.plea.Store(p)
	defer s.endPlea()
	ask(n, p.index)
	defer ask(n, 0)
	s.logger.Error("the leader is asked for a snapshot", "index", p.index, "try", s.pleas.count+1, "of", maxPleas, "error", h.error)
	for {
		changed := s.changed.next()
		if now, _ := s.attached(); now != n || s.plea.Load() != p {
			break
		}
		select {
		case <-changed:
		case <-d.m.Done():
			return d.ended()
		case <-s.queue.done:
			return ErrStopping
		}
	}
	if at := p.given.Load(); at > 0 {
		s.pleas.last, s.pleas.count = at, s.pleas.count+1
	}
	return nil
}

func ask(n *node.Node, index uint64) {
	n.Do(func(c *node.Core) error { c.WantState(index); return nil })
}

// hasOtherVoters tells whether another member could lead.
func (s *Server) hasOtherVoters(n *node.Node) bool {
	return slices.ContainsFunc(n.State().Registry.Voters(), func(id uint64) bool { return NodeID(id) != s.cfg.ID })
}

// Pleads is the least index of a snapshot that this member's state machine needs
// from the leader; 0 if it needs none.
func (s *Server) Pleads() uint64 {
	if p := s.plea.Load(); p != nil {
		return p.index
	}
	return 0
}

// StateReceived says that the storage has the leader's snapshot that Pleads asked
// for, among its visible ones.
func (s *Server) StateReceived(meta storage.SnapshotMetadata) {
	s.snapshots.attached(meta.Index)
	s.received.Store(meta.Index)
	if p := s.plea.Load(); p != nil && meta.Index >= p.index {
		p.given.Store(meta.Index)
	}
	s.endPlea()
}

// endPlea ends the waiting in plead, if there is any.
func (s *Server) endPlea() {
	if s.plea.Swap(nil) != nil {
		s.changed.notify()
	}
}
