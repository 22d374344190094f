package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
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
		if !pause.Over(in.Done()) {
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
	instances := h.courier.Instances()
	errs := make([]error, len(instances))
	var wg sync.WaitGroup
	for i, in := range instances {
		wg.Go(func() { errs[i] = h.closePlugin(ctx, share(ctx, 5), in, in.Transport().Close) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// dismissals are the plugins that the host ends although they never served: those that
// it ends just now, and those that would not end in time while the host ended.
type dismissals struct {
	mu     sync.Mutex
	ending map[*catalog.Instance]bool
	forced []error
}

func (d *dismissals) begin(in *catalog.Instance) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ending == nil {
		d.ending = map[*catalog.Instance]bool{}
	}
	d.ending[in] = true
}

func (d *dismissals) end(in *catalog.Instance, forced error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ending, in)
	if forced != nil {
		d.forced = append(d.forced, forced)
	}
}

// error names all that did not end in time, or have not ended yet.
func (d *dismissals) error() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := slices.Clone(d.forced)
	for in := range d.ending {
		errs = append(errs, fmt.Errorf("%w: %s(%s) did not end", ErrForced, in.Info().Kind, in.Info().Name))
	}
	return errors.Join(errs...)
}

// dismiss ends a plugin that the host has no use for: one that could not be opened, or
// whose node was never run. Its contract is closed first if closeContract is not nil.
// It returns how that ended; while the host ends it is the stop that says so, with the
// name of what had to be forced.
func (h *Host) dismiss(in *catalog.Instance, closeContract func(context.Context) error) error {
	ctx, cancel := h.untilForced()
	defer cancel()
	h.dismissed.begin(in)
	if closeContract != nil {
		_ = closeContract(ctx) // the process is stopped next either way
	}
	err := in.Stop(ctx)
	if err == nil || h.life.Err() == nil {
		h.dismissed.end(in, nil)
		return err
	}
	h.dismissed.end(in, fmt.Errorf("%w: %s(%s): %w", ErrForced, in.Info().Kind, in.Info().Name, err))
	return nil
}

// untilForced is a context for the end of a plugin: a call's time, and from the moment
// that the host begins to end no more than dismissal.
func (h *Host) untilForced() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), catalog.CallTimeout(h.cfg.Election))
	ending := context.AfterFunc(h.life, func() {
		time.AfterFunc(max(time.Until(h.endsSince.Add(dismissal)), leastShare), cancel)
	})
	return ctx, func() { ending(); cancel() }
}

// unopened names the plugins that run and were not opened yet: a stop that has waited
// for a start in vain has waited for one of them.
func (h *Host) unopened() error {
	all := append([]catalog.Status{h.storageSlot().Status(), h.slots[plugins.StateMachine].Status()}, h.courier.Plugins()...)
	var errs []error
	for _, st := range all {
		if st.State == catalog.Starting {
			errs = append(errs, fmt.Errorf("%w: %s(%s) did not open or end", ErrForced, st.Kind, st.Name))
		}
	}
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
