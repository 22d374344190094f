// Package handover lets a host wait for what the processes of its killed predecessor
// still hold: locks and addresses.
package handover

import (
	"context"
	"errors"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// limit is how long a new host waits. The processes of a killed host end within
	// milliseconds of it.
	limit = 700 * time.Millisecond
	// between is the time between two attempts.
	between = 10 * time.Millisecond
)

// Retry repeats try while it fails with held, for the time of a handover or until ctx
// ends. It returns the last error of try.
func Retry(ctx context.Context, held error, try func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if !errors.Is(err, held) || time.Now().After(deadline) {
			return err
		}
		if !pause.For(ctx, between) {
			return err
		}
	}
}
