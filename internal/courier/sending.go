package courier

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/owntime"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// sending gives messages to one life of a transport, from one goroutine. It has one
// context and one watch for all of them.
type sending struct {
	to    transport.Transport
	ctx   context.Context // of each Send; ends with the life, or when watch gives it up
	end   context.CancelFunc
	epoch time.Time
	begun atomic.Int64  // when the Send under way began, in nanoseconds after epoch; 0 if none is
	done  chan struct{} // watch has ended
}

// startSending begins to watch what t is given, until stop or the end of ctx. A transport
// that takes no messages, and answers probes all the same, would keep this member silent
// for ever: fail is told once that it hangs, and no Send waits from then on.
func startSending(ctx context.Context, t transport.Transport, election time.Duration, fail func(error)) *sending {
	s := &sending{to: t, epoch: time.Now(), done: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(ctx)
	go func() {
		defer close(s.done)
		s.watch(election, fail)
	}()
	return s
}

// stop ends the watch, and waits for that.
func (s *sending) stop() {
	s.end()
	<-s.done
}

// send gives messages to the transport.
func (s *sending) send(envelopes []transport.Envelope) error {
	s.begun.Store(max(1, int64(time.Since(s.epoch))))
	defer s.begun.Store(0)
	return s.to.Send(s.ctx, envelopes)
}

// lasts is for how long the Send under way has waited; 0 if there is none.
func (s *sending) lasts() time.Duration {
	begun := s.begun.Load()
	if begun == 0 {
		return 0
	}
	return time.Since(s.epoch) - time.Duration(begun)
}

// watch gives a transport up whose Send lasts too long. Time in which this host was not
// there does not count.
func (s *sending) watch(election time.Duration, fail func(error)) {
	age, limit := owntime.NewAge(election), patience.Send(election)
	for !pause.Until(s.ctx.Done(), election) {
		if age.Own(s.lasts()) >= limit {
			fail(fmt.Errorf("it has taken no messages for %v: %w", limit, catalog.ErrHung))
			s.end()
			return
		}
	}
}
