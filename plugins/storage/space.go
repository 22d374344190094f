package storage

import (
	"context"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
)

// CapabilitySpace: the backend is a SpaceReporter.
const CapabilitySpace plugins.Capability = "space"

// MaxSpaceDetail is the most bytes that a Space's Detail has.
const MaxSpaceDetail = 256

// Space says whether a store has room to go on.
type Space struct {
	// Short: the store lives on what it has set aside for this, or will soon.
	// Appends still succeed, for a while: the host leaves to others what it
	// can, and asks for what a member cannot do without, such as votes.
	Short bool
	// Detail tells people what is short and by how much; empty exactly when
	// Short is not set.
	Detail string
}

// SpaceReporter is implemented by a Storage with CapabilitySpace.
type SpaceReporter interface {
	// Space is the state at this moment, which may come and go. The host asks
	// several times a second while the store is open, and acts on nothing but
	// the answer: a store that is short must become well again without
	// appends, when space returns. It may look at the disk, and runs
	// concurrently with everything.
	Space(ctx context.Context) (Space, error)
}

// SpaceOf asks s, which is open. A store without the capability is never
// short.
func SpaceOf(ctx context.Context, s Storage) (Space, error) {
	r, ok := s.(SpaceReporter)
	if !ok || !s.Describe().Has(CapabilitySpace) {
		return Space{}, nil
	}
	sp, err := r.Space(ctx)
	if err != nil {
		return Space{}, fmt.Errorf("ask for space: %w", err)
	}
	return sp, nil
}
