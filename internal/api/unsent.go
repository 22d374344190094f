package api

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// smallAnswer is the size up to which an answer is kept, however much waits: an
// answer without a result has about that size.
const smallAnswer = 512

// boundedLocked leaves the result out of an answer for which there is no room: a
// few bytes of a proposal may have a result of a MiB, and a client that does not
// read would have the host keep those of all that it may have in flight. The
// results that all clients together have not read are bounded too: a stream may have as much of it
// as is free, and two results of the last part, which those that do not read so leave to the others.
func (s *proposalStream) boundedLocked(a proposalResult) proposalResult {
	size := a.keeps()
	if size == 0 {
		return a
	}
	most := int64(s.limits.MaxResultBytes)
	all := s.bounds.results.Add(int64(size))
	switch {
	case s.lossy:
		a = s.lose(a, "the client does not read its answers")
	case s.unsent+size > s.limits.MaxInFlightBytes:
		a = s.lose(a, fmt.Sprintf("%d bytes of results wait for this client, at most %d do", s.unsent, s.limits.MaxInFlightBytes))
	case all > most || int64(s.kept) > most-all || s.kept > size && most-all < most/leftToOthers:
		a = s.lose(a, fmt.Sprintf("%d bytes of results wait for this client, %d for all, at most %d do", s.unsent, all-int64(size), most))
	default:
		s.kept += size
		return a
	}
	s.bounds.results.Add(-int64(size))
	return a
}

// lose is a without its result.
func (s *proposalStream) lose(a proposalResult, why string) proposalResult {
	s.bounds.counts.leftOut.Add(1)
	lost := answerOf(a.ID, server.Result{
		Index: a.Response.Index, Lost: true,
		Error: fmt.Sprintf("the entry was applied; its result of %d bytes is left out: %s", len(a.Response.Data)+len(a.Response.Error), why),
	})
	lost.placed = a.placed
	return lost
}

// loseLocked leaves the results out of the answers that wait.
func (s *proposalStream) loseLocked() {
	s.lossy = true
	waiting := s.answers.all[s.answers.head:]
	for i := range waiting {
		size := waiting[i].keeps()
		if size == 0 {
			continue
		}
		before := waiting[i].outer
		waiting[i] = s.lose(waiting[i], "the client does not read its answers")
		s.kept -= size
		s.bytes += waiting[i].outer - before
		s.unsent += waiting[i].outer - before
		s.bounds.results.Add(-int64(size))
	}
}
