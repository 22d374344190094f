package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// recoverMachine brings a state machine that was opened at index has to the
// applied index: by the newest snapshot if the log no longer reaches back that
// far, then by the log. Results were given to the clients before, or never
// will be; they are dropped.
func (s *Server) recoverMachine(ctx context.Context, m RunningStateMachine, has uint64) error {
	st, err := s.waitStorage(ctx)
	if err != nil {
		return err
	}
	applied, _ := s.progress.get()
	if n, _ := s.attached(); n != nil && has > n.State().Last {
		return fmt.Errorf("%w: it has applied entry %d, the log ends at %d: the log was lost or is another one's", ErrPermanent, has, n.State().Last)
	}
	if has >= applied {
		return nil
	}
	snapshots, err := st.ListSnapshots(ctx)
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	if n := len(snapshots); n > 0 && snapshots[n-1].Metadata.Index > has {
		if err := s.restoreMachine(ctx, m, snapshots[n-1].Metadata.Index); err != nil {
			return err
		}
		has = snapshots[n-1].Metadata.Index
	}
	if has >= applied {
		return nil
	}
	return s.replay(ctx, m, st, has, applied)
}

// waitStorage waits until there is a node with a storage.
func (s *Server) waitStorage(ctx context.Context) (storage.Storage, error) {
	for {
		changed := s.changed.next()
		if _, st := s.attached(); st != nil {
			return st, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.queue.done:
			return nil, ErrStopping
		}
	}
}

// replay applies the log's entries (has, applied].
func (s *Server) replay(ctx context.Context, m statemachine.StateMachine, st storage.Storage, has, applied uint64) error {
	s.logger.Info("replaying the log to the state machine", "from", has+1, "to", applied)
	for has < applied && !s.ended() {
		entries, err := st.Read(ctx, has+1, applied+1, s.cfg.Limits.MaxBatchBytes)
		if err != nil {
			return fmt.Errorf("read entries [%d,%d]: %w", has+1, applied, err)
		}
		if len(entries) == 0 || entries[0].Index != has+1 {
			return fmt.Errorf("read entries [%d,%d]: %w", has+1, applied, storage.ErrUnavailable)
		}
		commands, err := node.Commands(entries)
		if err != nil {
			return err
		}
		through := entries[len(entries)-1].Index
		b := batch([]work{{apply: node.Apply{Commands: commands, Last: through}}})
		if _, err := m.Apply(ctx, b); err != nil {
			return fmt.Errorf("replay [%d,%d]: %w", has+1, through, err)
		}
		has = through
	}
	return nil
}

// restoreMachine replaces the state machine's state by the snapshot at index.
func (s *Server) restoreMachine(ctx context.Context, m statemachine.StateMachine, index uint64) error {
	st, err := s.waitStorage(ctx)
	if err != nil {
		return err
	}
	r, err := st.OpenSnapshot(ctx, index)
	if err != nil {
		return fmt.Errorf("open snapshot %d: %w", index, err)
	}
	defer r.Close()
	header, err := ReadSnapshotHeader(r)
	if err != nil {
		return fmt.Errorf("snapshot %d: %w", index, err)
	}
	if err := header.check(s.cfg.ClusterID, r.Info().Metadata, m.Describe()); err != nil {
		return fmt.Errorf("%w: snapshot %d: %w", ErrPermanent, index, err)
	}
	s.logger.Info("restoring the state machine from a snapshot", "index", index, "bytes", r.Info().Size_)
	if err := m.Restore(ctx, index, r); err != nil {
		return fmt.Errorf("restore snapshot %d: %w", index, err)
	}
	// A state machine may stop reading before the end; the checksum must have
	// been seen all the same.
	if _, err := io.Copy(io.Discard, r); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("restore snapshot %d: %w", index, err)
	}
	s.progress.advance(index, header.Registry)
	return nil
}
