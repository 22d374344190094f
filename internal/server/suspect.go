package server

import (
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// Suspect says, before Start, that an earlier life of this member's host has noted that the state
// had parted at the check at index, and why, and not that it was rebuilt. Until a check shows
// that it has the state of a majority, it is quarantined: it applies, and is compared, and neither
// answers nor gives its state to others.
func (s *Server) Suspect(index uint64, why string) {
	s.hashes.suspect = index
	s.hash.Store(&toldHash{untrusted: true})
	s.hashes.suspicion = &Quarantine{Index: index, Parted: true, noted: true, LastWords: oneLine(why), Since: time.Now()}
	s.isolated.Store(s.hashes.suspicion)
	s.logger.Error("the state machine had another state than a majority of the voters before this start: this member is quarantined until a check of the state", "event", events.Quarantine,
		"index", index, "why", oneLine(why))
}

// acquitUnchecked takes that there will be no check: the state machine has no hash, or there is no
// other member.
func (s *Server) acquitUnchecked(hashName uint64) {
	if s.hashes.suspect == 0 {
		return
	}
	if hashName == 0 {
		s.acquit("unchecked", "the state machine has no hash of its state any more")
	} else if n, _ := s.attached(); n != nil && isAlone(n) {
		s.acquit("unchecked", "there is no other member")
	}
}

// isAlone tells whether a node is of the only member. One that knows of none yet is not.
func isAlone(n *node.Node) bool { return n.State().Registry.Len() == 1 }

// acquit ends the suspicion of an earlier life. The attributes say why.
func (s *Server) acquit(why ...any) {
	if s.hashes.suspect == 0 {
		return
	}
	s.hashes.suspect, s.hashes.suspicion = 0, nil
	s.noteParting(0, "")
	s.tellHash(s.hash.Load().StateHash)
	if q := s.isolated.Load(); q != nil && q.noted {
		s.isolated.Store(nil)
	}
	s.logger.Info("the quarantine of before this start is over", append(why, "event", events.Quarantine)...)
}

// noteParting notes for the next life of this host that the state has parted; with index 0 that it is the state
// of the others again.
func (s *Server) noteParting(index uint64, why string) {
	if s.cfg.NoteParting != nil {
		s.cfg.NoteParting(index, why)
	}
}
