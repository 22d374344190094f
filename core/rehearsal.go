package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// rehearsalDir is the data directory of the state machines that snapshots are
// restored into to see whether they can be. It is empty before and after.
const rehearsalDir = "rehearsal"

// rehearsal restores snapshots into a state machine plugin that is there for
// nothing else, with a place in the catalog of its own: its ends say nothing of
// the one that serves.
type rehearsal struct {
	h    *Host
	slot *catalog.Slot
}

// rehearsal returns a function that restores a snapshot for trial; nil if there is no second
// process to do that with, because the plugin is started elsewhere.
func (h *Host) rehearsal() (func(context.Context, uint64, io.Reader) error, error) {
	if h.cfg.StateMachine.Address != "" {
		if h.cfg.RehearseSnapshots {
			return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidConfig, SettingError{
				"raft.check_snapshots", "restore needs a second process of the state machine, and one that has an address is started elsewhere; use sum",
			})
		}
		return nil, nil
	}
	spec := h.cfg.StateMachine.spec(plugins.StateMachine)
	spec.Record = nil // what is tried is not what the member's state comes from
	slot, err := h.catalog.Slot(spec)
	if err != nil {
		return nil, err
	}
	return (&rehearsal{h, slot}).restore, nil
}

// restore starts a state machine, restores it from r, and ends it. How earlier
// ones ended does not count: the one that failed may have wanted for memory, or for
// another state, and who asks makes pauses of its own.
func (r *rehearsal) restore(ctx context.Context, index uint64, from io.Reader) (err error) {
	dir, err := filepath.Abs(filepath.Join(r.h.cfg.DataDir, rehearsalDir))
	if err != nil {
		return err
	}
	if err := r.clear(dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.clear(dir)) }()
	if err := vfs.MakeOSDir(dir); err != nil {
		return fmt.Errorf("data directory of a rehearsal: %w", err)
	}
	if err := r.slot.Follow(r.h.slots[plugins.StateMachine]); err != nil { // it may have been upgraded
		return err
	}
	r.slot.Forgive()
	var m statemachine.StateMachine
	in, err := r.h.launch(ctx, plugins.StateMachine, r.slot, r.h.cfg.StateMachine.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) error {
		m, opts.DataDir = in.StateMachine(), dir
		_, err := m.Open(ctx, opts)
		return err
	})
	if err != nil {
		return err
	}
	defer r.end(ctx, m, in)
	return m.Restore(ctx, index, from)
}

// end ends the state machine: at once if the rehearsal was given up, as a stop
// does not wait for it. An error of that end does not matter.
func (r *rehearsal) end(ctx context.Context, m statemachine.StateMachine, in *catalog.Instance) {
	if ctx.Err() != nil {
		in.Kill()
		<-in.Done()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, catalog.CallTimeout(r.h.cfg.Election))
	defer cancel()
	_ = m.Close(ctx)
	_ = in.Stop(ctx)
}

func (r *rehearsal) clear(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove what a rehearsal left: %w", err)
	}
	return nil
}
