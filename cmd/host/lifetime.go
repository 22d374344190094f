package main

import (
	"context"
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/core"
)

// lifetime is the part of a host that serve needs; *core.Host has it.
type lifetime interface {
	Start(ctx context.Context) error
	// Failed is closed when the host cannot go on.
	Failed() <-chan struct{}
	Err() error
	Stop(ctx context.Context) error
}

// serve runs h until ctx ends or it fails, and stops it within patience. A stop
// that was asked for while the host was starting is not a failure.
func serve(ctx context.Context, h lifetime, patience time.Duration) error {
	if err := h.Start(ctx); err != nil {
		if ctx.Err() != nil && !errors.Is(err, core.ErrForced) {
			return nil // whatever was interrupted, it has been stopped
		}
		return err
	}
	select {
	case <-ctx.Done():
	case <-h.Failed():
	}
	stop, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := h.Stop(stop)
	return errors.Join(h.Err(), err)
}
