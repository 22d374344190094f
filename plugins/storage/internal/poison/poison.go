// Package poison keeps the rule of the contract that after a failed write or sync
// no later append is acknowledged by the same process.
package poison

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
)

// Poison is clean until the first failure, and never again after it. It is safe for
// concurrent use.
type Poison struct {
	logger *slog.Logger
	cause  atomic.Pointer[error]
}

// New is clean.
func New(logger *slog.Logger) *Poison { return &Poison{logger: logger} }

// Fail poisons the store and returns the error for the call that met err: err, with
// ErrNoSpace if the disk is full.
func (p *Poison) Fail(err error) error {
	err = freespace.Error(err)
	if p.cause.CompareAndSwap(nil, &err) {
		p.logger.Error("storage is poisoned until it is opened again", "error", err)
	}
	return err
}

// Health is nil, or after a failure ErrClosed with the cause.
func (p *Poison) Health() error {
	if cause := p.cause.Load(); cause != nil {
		return fmt.Errorf("%w after: %w", plugins.ErrClosed, *cause)
	}
	return nil
}
