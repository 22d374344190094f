package api

import (
	"cmp"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// admit hands a batch to the service and refuses what is over the limits. It
// tells how many were refused for want of room or of a role, and reports false if the stream
// takes no more; the rest of the batch is then not applied.
func (s *proposalStream) admit(batch *proposalBatch) (refused int, ok bool) {
	draining := s.end.refusal()
	if draining == nil {
		s.demands.refuseIn(batch)
	}
	s.mu.Lock()
	if s.closing || s.dead {
		s.mu.Unlock()
		return 0, false
	}
	admitted, refused := s.refuseLocked(batch, draining)
	ok = !s.closing
	s.mu.Unlock()

	arrived := batch.arrived
	if s.audit.all() {
		s.audit.admit(s, admitted, arrived)
		return refused, ok
	}
	for i := range admitted {
		p := &admitted[i]
		id, size := p.ID, p.size()
		s.svc.ProposeAsync(p.Data, p.timeout(), func(result server.Result, err error) {
			s.answer(id, size, arrived, result, err)
		})
	}
	return refused, ok
}

// refuseLocked counts what is admitted, moves it to the front of the batch and
// returns it; the rest is answered. refused are those of the rest for which there
// was no room, or which the client's role does not allow.
func (s *proposalStream) refuseLocked(batch *proposalBatch, draining error) (admitted []proposal, refused int) {
	admitted = batch.proposals[:0]
	// These refusals are the same for a whole batch: encoded once.
	var stopping, full, crowded []byte
	toll := s.toll(batch.arrived)
	denied := s.refuseEarlyLocked(batch, draining, &toll)
	s.lane.pool.mu.Lock()
	defer s.lane.pool.mu.Unlock()
	for _, p := range batch.proposals {
		if s.closing {
			break
		}
		size := p.size()
		switch {
		case draining != nil:
			s.refuseOneLocked(p.ID, &stopping, draining, &toll)
		case len(p.Data) > s.limits.MaxValueBytes:
			var large []byte
			s.refuseOneLocked(p.ID, &large, valueTooLarge("value", len(p.Data), s.limits.MaxValueBytes), &toll)
		case s.overLocked(size):
			refused++
			s.refuseOneLocked(p.ID, &full, s.fullLocked(), &toll)
		case !s.lane.takeLocked(amount{1, int64(len(p.Data))}):
			refused++
			s.refuseOneLocked(p.ID, &crowded, s.crowdedLocked(), &toll)
		default:
			s.pending++
			s.bytes += size
			admitted = append(admitted, p)
		}
	}
	refused += len(batch.refused)
	s.bounds.counts.refused[deniedProposal].Add(uint64(refused - denied))
	return admitted, refused
}

// refuseEarlyLocked answers what was refused before the batch was counted. It tells
// how many of them there was room for: their client's role does not allow them.
func (s *proposalStream) refuseEarlyLocked(batch *proposalBatch, draining error, toll *toll) (denied int) {
	var last error
	var encoded []byte
	for _, p := range batch.refused {
		err := cmp.Or(draining, p.err)
		if err != last {
			last, encoded = err, nil
		}
		if !isFull(p.err) {
			denied++
		}
		s.refuseOneLocked(p.id, &encoded, err, toll)
	}
	return denied
}

// toll takes the proposals that came at that time and are refused from the client's
// limit.
func (s *proposalStream) toll(arrived time.Time) toll {
	return toll{guard: s.guard, client: s.limited, now: arrived}
}

// refuseOneLocked takes a proposal that is not handed on from its client's limit, and
// answers it.
func (s *proposalStream) refuseOneLocked(id uint64, encoded *[]byte, err error, toll *toll) {
	if over := toll.take(); over != nil {
		err, encoded = over, &toll.encoded
	}
	s.pushRefusalLocked(id, encoded, err, toll.now)
}

// pushRefusalLocked answers a proposal, or ends the stream if there is no room for
// more refusals.
func (s *proposalStream) pushRefusalLocked(id uint64, encoded *[]byte, err error, arrived time.Time) {
	s.audit.refused(id, err)
	if s.closing {
		return
	}
	if s.bounds.refusals.Add(1) > mostRefusals {
		s.bounds.refusals.Add(-1)
		s.bounds.counts.rest.Add(1)
		s.closeLocked(statusOf(&server.Error{
			Err:        server.ErrTooManyRequests,
			Detail:     fmt.Sprintf("%d refusals wait to be read by their clients", mostRefusals),
			RetryAfter: fullRetryAfter,
		}))
		return
	}
	if *encoded == nil {
		*encoded = encodeFailure(failureOf(err))
	}
	s.pending++
	s.refused++
	a := refusalOf(id, *encoded)
	if isFull(err) {
		a.refusedAt = arrived
	}
	s.pushLocked(a)
}
