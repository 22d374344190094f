package statemachinetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// QueryStream implements statemachine.QueryStreamer. The query "all" is answered with
// the data of each entry of the state at the call, as a chunk of its own. An entry
// without data has none. The query "follow" is answered so too, and goes on with each
// entry that is applied, until ctx ends.
func (r *Register) QueryStream(ctx context.Context, query []byte, send func(chunk []byte) error) error {
	follow := string(query) == "follow"
	r.mu.Lock()
	err := r.usable()
	r.mu.Unlock()
	switch {
	case err != nil:
		return err
	case !follow && string(query) != "all":
		return fmt.Errorf("register: %w: %.32q", statemachine.ErrInvalidQuery, query)
	}
	for sent := 0; ; {
		r.mu.Lock()
		entries, moved := slices.Clone(r.entries[min(sent, len(r.entries)):]), r.moved
		r.mu.Unlock()
		for _, e := range entries {
			if err := r.faults.gone(); err != nil {
				return err
			}
			if err := send(e.Data); err != nil {
				return fmt.Errorf("register: %w", err)
			}
		}
		if sent += len(entries); !follow {
			return nil
		}
		select {
		case <-moved:
		case <-r.faults.dead:
			return r.faults.gone()
		case <-ctx.Done():
			return fmt.Errorf("register: %w", ctx.Err())
		}
	}
}
