package catalog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// attachEvery is the longest pause between two looks at whether a plugin listens: a look
// costs next to nothing, and who has started the plugin waits for it.
const attachEvery = time.Second

// awaitAttached attaches to the plugin as soon as it listens and takes this host. There is
// no error that does not pass: another plugin may listen there the next time.
func (s *Slot) awaitAttached(ctx context.Context) (*Instance, error) {
	logger := s.catalog.options.Logger.With("kind", string(s.plan.kind), "address", s.plan.label)
	told := ""
	for tries := 1; ; tries++ {
		in, err := s.startProcess(ctx)
		if err == nil {
			logger.Warn("attached to a plugin that was started elsewhere: no sha256 says which program it is",
				"plugin", in.Info().Name, "version", in.Info().Version, "pid", in.PID())
			return in, nil
		}
		var start *StartError
		if !errors.As(err, &start) {
			return nil, err // given up by the caller
		}
		if why := start.Cause.Error(); why != told {
			logger.Warn("waiting for a plugin that is to be started elsewhere", "reason", why)
			told = why
		}
		s.notThere(err)
		if !pause.For(ctx, min(attachEvery, s.catalog.options.Backoff.delay(tries, rand.Float64()))) {
			return nil, context.Cause(ctx)
		}
	}
}

// notThere notes why the plugin cannot be attached to yet.
func (s *Slot) notThere(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.causes = causes{first: err}
	s.state = Waiting
}
