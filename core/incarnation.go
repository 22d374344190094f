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
// the clock, now, was ahead in, or behind. The reservation is written when the
// storage is open, with the store: see admit.
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

// OfflineIncarnation is an incarnation for a tool that opens the store of a host
// that does not run, with the data directory dataDir. It is above those of all lives
// of the host, for it is the last that is reserved for the last of them, and below
// those of the next, unless the clock, now, is ahead. A host that has noted none, or
// whose notes cannot be read, gets the clock's. Nothing is written: the notes are
// their host's.
func OfflineIncarnation(dataDir string, now uint64) uint64 {
	fsys, err := vfs.OS(dataDir)
	if err != nil {
		return now
	}
	defer func() { _ = fsys.Close() }() // nothing was written
	p, err := openPins(fsys)
	if err != nil {
		return now
	}
	return max(p.incarnations, now)
}
