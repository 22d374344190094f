package api

import (
	"cmp"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/core/server"
)

// admit hands a batch to the service and refuses what is over the limits. It
// reports false if the stream takes no more; the batch is then not applied.
func (s *proposalStream) admit(batch *proposalBatch) bool {
	draining := s.end.refusal()
	s.mu.Lock()
	// A client that proposes without reading answers is made to wait.
	for len(s.answers) > s.limits.MaxInFlight && !s.closing && !s.dead {
		s.room.Wait()
	}
	if s.closing || s.dead {
		s.mu.Unlock()
		return false
	}
	admitted := s.refuseLocked(batch, draining)
	s.mu.Unlock()

	arrived := batch.arrived
	if s.audit != nil {
		s.audit.admit(s, admitted, arrived)
		return true
	}
	for i := range admitted {
		p := &admitted[i]
		id, size := p.id, len(p.data)+proposalOverhead
		s.svc.ProposeAsync(p.data, p.timeout, func(result server.Result, err error) {
			s.answer(id, size, arrived, result, err)
		})
	}
	return true
}

// refuseLocked counts what is admitted, moves it to the front of the batch and
// returns it; the rest is answered.
func (s *proposalStream) refuseLocked(batch *proposalBatch, draining error) []proposal {
	admitted := batch.proposals[:0]
	// These refusals are the same for a whole batch: encoded once.
	var stopping, full []byte
	for _, p := range batch.refused {
		var early []byte
		s.pushRefusalLocked(p.id, &early, cmp.Or(draining, p.err), batch.arrived)
	}
	for _, p := range batch.proposals {
		size := len(p.data) + proposalOverhead
		switch {
		case draining != nil:
			s.pushRefusalLocked(p.id, &stopping, draining, batch.arrived)
		case len(p.data) > s.limits.MaxValueBytes:
			var large []byte
			s.pushRefusalLocked(p.id, &large, valueTooLarge("value", len(p.data), s.limits.MaxValueBytes), batch.arrived)
		case s.pending >= s.limits.MaxInFlight || s.bytes+size > s.limits.MaxInFlightBytes:
			s.pushRefusalLocked(p.id, &full, s.fullLocked(), batch.arrived)
		default:
			s.pending++
			s.bytes += size
			admitted = append(admitted, p)
		}
	}
	return admitted
}

// fullLocked says which bounds of the stream are reached.
func (s *proposalStream) fullLocked() error {
	return &server.Error{
		Err:        server.ErrTooManyRequests,
		Detail:     fmt.Sprintf("%d proposals of %d bytes in flight on this stream", s.pending, s.bytes),
		RetryAfter: fullRetryAfter,
	}
}

func (s *proposalStream) pushRefusalLocked(id uint64, encoded *[]byte, err error, arrived time.Time) {
	s.audit.refused(id, err)
	if *encoded == nil {
		*encoded = encodeFailure(failureOf(err))
	}
	s.pending++
	a := refusalOf(id, *encoded)
	if isFull(err) {
		a.refusedAt = arrived
	}
	s.pushLocked(a)
}
