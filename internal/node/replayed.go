package node

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Replayed is a place in the log of a node that does not run yet, with the
// membership there and the largest stamp up to there. It goes through entries that are known to be committed and
// keeps none of them.
type Replayed struct {
	Index    uint64
	Registry *member.Registry
	Time     uint64
}

// Add goes through the entries that follow.
func (r *Replayed) Add(entries []storage.Entry) error {
	if err := checkEntries(entries, r.Index+1); err != nil {
		return err
	}
	registry, err := ReplayMembership(r.Registry, entries)
	if errors.Is(err, member.ErrNewer) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	commands, err := Commands(entries)
	if err != nil {
		return err // of a newer build: the rest was checked
	}
	r.Time = Time(r.Time, commands)
	r.Index, r.Registry = r.Index+uint64(len(entries)), registry
	return nil
}

// checkEntries refuses entries that do not follow each other from first on, or
// whose data no node can have written.
func checkEntries(entries []storage.Entry, first uint64) error {
	for i := range entries {
		e := &entries[i]
		if want := first + uint64(i); e.Index != want {
			return fmt.Errorf("%w: entry %d stands where index %d should", ErrInconsistent, e.Index, want)
		}
		if err := validateData(e); err != nil {
			return fmt.Errorf("%w: %w", ErrInconsistent, err)
		}
	}
	return nil
}
