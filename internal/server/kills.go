package server

import (
	"errors"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// sparedKills is how many ends from outside in a row, without progress, put no entry under
// suspicion.
const sparedKills = 6

// kills are the ends from outside in a row after which the state machine had got no
// further. An operator ends a process as often as there is a reason to, and no entry is to
// blame. But the kernel ends one too, over an entry for which there is not the memory, and
// so do probes that a busy process does not answer. Those ends come on every member, until
// the source gives up, and would end all hosts; so when it gives up, and the same entry was
// alone under way at the last of them, the member is quarantined instead. It is of the
// server goroutine.
type kills struct {
	applied uint64 // the applied index at the last one
	ends    int
	alone   *node.Command // what alone was under way at the last one; nil if that is not known
	times   int           // in a row over that one
	why     error         // of the last one
}

// noteKill notes an end from outside.
func (s *Server) noteKill(u underWay, why error) {
	k, wasAlone := &s.kills, s.poison.suspects() && len(u.commands) <= 1
	if applied, _ := s.progress.get(); applied != k.applied {
		*k = kills{applied: applied}
	}
	if k.ends++; k.ends > sparedKills || s.poison.suspects() {
		s.poison.mark(u)
	}
	if !wasAlone {
		k.alone, k.times = nil, 0
		return
	}
	c := u.only()
	if k.alone == nil || k.alone.Index != c.Index {
		k.times = 0
	}
	k.alone, k.times, k.why = c, k.times+1, why
	if q := s.isolated.Load(); q != nil && q.Index == c.Index {
		s.isolate(c, k.times, why)
	}
}

// isolateKilled quarantines this member if its source has given up a state machine that was
// ended from outside over one entry.
func (s *Server) isolateKilled(given error) bool {
	k := &s.kills
	if !errors.Is(given, ErrCrashLoop) || k.times < maxEnds {
		return false
	}
	s.isolate(k.alone, k.times, k.why)
	return true
}
