package core

import (
	"context"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/owntime"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// sendTimeout is how long a transport may take no messages. It queues them and sends
// them later, or drops them, so it has nothing to wait for.
func sendTimeout(election time.Duration) time.Duration { return 10*time.Second + 5*election }

// hand gives messages to a transport. One that takes none, and answers probes all the
// same, would keep this member silent for ever: fail is told that it hangs.
func hand(ctx context.Context, t transport.Transport, envelopes []transport.Envelope, election time.Duration, fail func(error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(election, func() {
		if waited := untaken(ctx, election); waited > 0 {
			fail(fmt.Errorf("it has taken no messages for %v: %w", waited, catalog.ErrHung))
			cancel()
		}
	})
	defer late.Stop()
	return t.Send(ctx, envelopes)
}

// untaken waits for the end of a Send whose context is ctx. It returns for how long it
// has waited in vain, or 0. Time in which this host was not there does not count.
func untaken(ctx context.Context, election time.Duration) time.Duration {
	ticker := time.NewTicker(election)
	defer ticker.Stop()
	begun, age, limit := time.Now(), owntime.NewAge(election), sendTimeout(election)
	for {
		select {
		case <-ctx.Done():
			return 0
		case <-ticker.C:
			if age.Own(time.Since(begun)) >= limit {
				return limit
			}
		}
	}
}
