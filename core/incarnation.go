package core

import (
	"fmt"
	"math"

	"github.com/pontoon-raft/pontoon/internal/vfs"
)

// incarnationsOfALife is how many Opens the plugins of one life of a host may
// have together: far more than there is time for.
const incarnationsOfALife = 1 << 32

// begin reserves the incarnations of this life of the host and returns the one
// before its first. They are above those of every life before, also of one that
// the clock, now, was ahead in, or behind. What is reserved is durable.
func (p *pins) begin(now uint64) (uint64, error) {
	p.mu.Lock()
	before := max(p.incarnations, now)
	if before > math.MaxUint64-incarnationsOfALife {
		p.mu.Unlock()
		return 0, fmt.Errorf("%w: incarnations up to %d are used", errPins, before)
	}
	p.incarnations = before + incarnationsOfALife
	p.changes++
	p.mu.Unlock()
	return before, p.save()
}

// beginLife makes incarnations grow from life to life. A full disk keeps no
// host from its start, which may be what makes room: then only the clock does.
func (h *Host) beginLife(now uint64) error {
	before, err := h.identity.pins.begin(now)
	if vfs.IsFull(err) {
		h.logger.Warn("incarnations of plugins grow only with the clock: there is no room to note them", "file", pinsName, "error", err)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	h.incarnation.Store(before)
	return nil
}
