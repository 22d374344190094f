package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
)

// closePlugin closes a plugin by its contract, and then ends its process, all
// within limit. One that the host has put down because it did not answer is
// named in the error.
func (h *Host) closePlugin(ctx context.Context, limit time.Duration, in *catalog.Instance, closeContract func(context.Context) error) error {
	info := in.Info()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stopErr error
	// A process is killed when ctx ends, so only a backend inside the host can
	// take longer.
	forced := within(limit+limit/2, fmt.Sprintf("%s(%s)", info.Kind, info.Name), func() {
		if !isDone(in) {
			if err := closeContract(ctx); err != nil {
				h.logger.Warn("plugin did not close", "kind", info.Kind, "plugin", info.Name, "error", err)
			}
		}
		stopErr = in.Stop(ctx)
	})
	if forced != nil {
		return forced
	}
	if stopErr = cmp.Or(stopErr, putDown(in)); stopErr != nil {
		return fmt.Errorf("%w: %s(%s): %w", ErrForced, info.Kind, info.Name, stopErr)
	}
	h.logger.Info(string(info.Kind)+" closed", "plugin", info.Name)
	return nil
}

// closeTransports closes all transports at the same time.
func (h *Host) closeTransports(ctx context.Context) error {
	errs := make([]error, len(h.courier.carriers))
	var wg sync.WaitGroup
	for i, k := range h.courier.carriers {
		if in := k.running.Load(); in != nil {
			wg.Go(func() { errs[i] = h.closePlugin(ctx, share(ctx, 5), in, in.Transport().Close) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// putDown is how the host ended a plugin that did not answer; nil if it did not.
func putDown(in *catalog.Instance) error {
	var exit *catalog.ExitError
	if errors.As(in.Err(), &exit) && exit.Hung {
		return exit
	}
	return nil
}

func isDone(in *catalog.Instance) bool {
	select {
	case <-in.Done():
		return true
	default:
		return false
	}
}
