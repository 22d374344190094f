package core

import (
	"fmt"
	"math"

	"github.com/pontoon-raft/pontoon/internal/datadir"
)

// incarnationsOfALife is how many Opens the plugins of one life of a host may
// have together: far more than there is time for.
const incarnationsOfALife = 1 << 32

// begin reserves the incarnations of this life of the host and returns the one
// before its first. They are above those of every life before, also of one that
// the clock, now, was ahead in, or behind. The reservation is written when the
// storage is open, with the store: see admit.
func (p *pins) begin(now uint64) (uint64, error) {
	p.mu.Lock()
	before := max(p.kept.Incarnations, now)
	if before > math.MaxUint64-incarnationsOfALife {
		p.mu.Unlock()
		return 0, fmt.Errorf("%w: incarnations up to %d are used", datadir.ErrPins, before)
	}
	p.kept.Incarnations = before + incarnationsOfALife
	p.changes++
	p.mu.Unlock()
	return before, nil
}

// beginLife makes incarnations grow from life to life.
func (h *Host) beginLife(now uint64) error {
	before, err := h.identity.pins.begin(now)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	h.incarnation.Store(before)
	return nil
}
