package api

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/core/server"
)

// smallAnswer is the size up to which an answer is kept whatever waits: one
// without a result is no smaller.
const smallAnswer = 512

// boundedLocked leaves the result out of an answer for which there is no room: a
// few bytes of a proposal may have a result of a MiB, and a client that does not
// read would have the host keep those of all that it may have in flight.
func (s *proposalStream) boundedLocked(a answer) answer {
	if a.failure != nil || a.outer <= smallAnswer || s.unsent+a.outer <= s.limits.MaxInFlightBytes {
		return a
	}
	return answerOf(a.id, server.Result{
		Index: a.result.Index, Lost: true,
		Error: fmt.Sprintf("the entry was applied; its result of %d bytes is left out: %d bytes of results wait for this client, at most %d do",
			len(a.result.Data)+len(a.result.Error), s.unsent, s.limits.MaxInFlightBytes),
	})
}

// sent notes that answers of so many bytes were handed to gRPC.
func (s *proposalStream) sent(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsent -= bytes
}
