package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
)

// ErrNotMeasured says that a plugin did not do what it was measured by.
var ErrNotMeasured = errors.New("not measured")

// errLate: the time has passed after which a host takes a plugin for hung.
var errLate = errors.New("it was not done in time")

// A Fault is why a run has no result. errors.Is finds ErrNotMeasured in it, and what Err wraps.
type Fault struct {
	// Plugin is the name of the plugin that failed, and Shipped tells whether it is the one to compare with.
	Plugin  string
	Shipped bool
	// Doing says what was measured, or made ready.
	Doing string
	// Rules are those of the protocol for the time that has passed; may be empty.
	Rules []string
	Err   error
}

// Error implements error.
func (f *Fault) Error() string {
	which := "the plugin"
	if f.Shipped {
		which = "the shipped plugin"
	}
	if f.Plugin != "" {
		which += " " + f.Plugin
	}
	return fmt.Sprintf("%s, %s: %v", which, f.Doing, f.Err)
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Is makes errors.Is find ErrNotMeasured.
func (f *Fault) Is(target error) bool { return target == ErrNotMeasured }

// inTime bounds what a plugin is asked for by the time after which a host takes it for hung.
func inTime(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	late := fmt.Errorf("%w, which is %v", errLate, limit)
	bounded, cancel := context.WithTimeoutCause(ctx, limit, late)
	defer cancel()
	err := do(bounded)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return fmt.Errorf("%w: %w", late, err)
	}
	return err
}

// deathTime is how long the end of a process is waited for that was seen from its connection.
const deathTime = time.Second

// whyGone is err, or how the process ended if that is why there is an error.
func whyGone(in *catalog.Instance, err error) error {
	if errors.Is(err, plugins.ErrGone) && pause.Until(in.Done(), deathTime) && in.Err() != nil {
		return in.Err()
	}
	return err
}
