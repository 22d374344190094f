package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// errNoNode: this host runs no raft node now. A peer that sends a snapshot gets it.
var errNoNode = errors.New("the storage plugin is starting")

// errNotWanted: a snapshot for the state machine arrives, and it needs none.
var errNotWanted = errors.New("the state machine does not need it")

func (g *generation) receiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	a, err := node.SnapshotHeader(header.Message, g.h.cfg.Limits)
	if err != nil {
		return err
	}
	meta := a.Metadata
	if header.To != g.h.cfg.ID || header.Group != group {
		return fmt.Errorf("snapshot %d is for node %x in group %d", meta.Index, header.To, header.Group)
	}
	if r, err = announcedWhole(header.Bytes, a.Bytes, r); err != nil {
		return fmt.Errorf("snapshot %d: %w", meta.Index, err)
	}
	if a.StateOnly {
		return g.receiveState(ctx, member.ID(header.From), a, r)
	}
	g.h.logger.Info("receiving a snapshot", "from", member.ID(header.From), "index", meta.Index)
	own, head, err := g.readHeader(meta, r)
	if errors.Is(err, member.ErrNewer) && g.node.State().Leader == member.ID(header.From) {
		g.h.fail(err) // another try would find the same; the word of others ends nothing
	}
	if err != nil {
		return err
	}
	// A snapshot that the state machine does not read would replace the log that it could
	// go on by.
	if err := g.h.server.CheckFormat(own); err != nil {
		return fmt.Errorf("snapshot %d: %w", own.Index, err)
	}
	wanted := func() error {
		return g.offer(ctx, func(done func(error)) error { return g.node.CheckSnapshot(header.Message, own.Registry, done) })
	}
	if err := wanted(); err != nil {
		return err
	}
	if err := g.spool(ctx, a, true, io.MultiReader(head, r), wanted); err != nil {
		return err
	}
	return g.offer(ctx, func(done func(error)) error {
		return g.node.SnapshotReceived(header.Message, own.Registry, own.Time, done)
	})
}

// receiveState takes a snapshot of the leader for the state machine, which has
// nothing that it could be restored from: it becomes the newest of this member's
// own. The log and what raft knows stay as they are.
func (g *generation) receiveState(ctx context.Context, from member.ID, a node.Announcement, r io.Reader) error {
	meta := a.Metadata
	needed := func() error {
		if least := g.h.server.Pleads(); least == 0 || meta.Index < least {
			return fmt.Errorf("snapshot %d: %w", meta.Index, errNotWanted)
		}
		return nil
	}
	if err := needed(); err != nil {
		return err
	}
	own, head, err := g.readHeader(meta, r)
	if err != nil {
		return err
	}
	err = g.offer(ctx, func(done func(error)) error {
		g.node.Do(func(c *node.Core) error { done(c.CheckState(from, meta, own.Registry)); return nil })
		return nil
	})
	if err != nil {
		return err
	}
	g.h.logger.Info("receiving a snapshot for the state machine", "from", from, "index", meta.Index)
	if err := g.spool(ctx, a, false, io.MultiReader(head, r), needed); err != nil {
		return err
	}
	g.node.Do(func(c *node.Core) error { c.SnapshotSaved(meta); return nil })
	g.h.server.StateReceived(meta)
	return nil
}

// readHeader reads the host's header of a snapshot that was announced by meta, and
// returns it with its bytes.
func (g *generation) readHeader(meta storage.SnapshotMetadata, r io.Reader) (*server.SnapshotHeader, *bytes.Buffer, error) {
	head := &bytes.Buffer{}
	own, err := server.ReadSnapshotHeader(io.TeeReader(r, head))
	if err != nil {
		return nil, nil, err
	}
	if own.ClusterID != g.h.cfg.ClusterID || own.Index != meta.Index || own.Term != meta.Term {
		return nil, nil, fmt.Errorf("snapshot of cluster %x at (%d, %d), announced at (%d, %d)", own.ClusterID, own.Index, own.Term, meta.Index, meta.Term)
	}
	if err := own.Registry.CheckLevel(g.h.cfg.level); err != nil {
		return nil, nil, fmt.Errorf("snapshot %d: %w", meta.Index, err)
	}
	return own, head, nil
}

// spool writes a snapshot into the storage. check has the last word before it is kept.
func (g *generation) spool(ctx context.Context, a node.Announcement, received bool, r io.Reader, check func() error) error {
	meta := a.Metadata
	created, err := g.storage.CreateSnapshot(ctx, meta, received)
	if err != nil {
		return fmt.Errorf("create snapshot %d: %w", meta.Index, err)
	}
	w := server.NewSummedWriter(created)
	defer w.Abort()
	if _, err := io.CopyBuffer(w, r, make([]byte, g.h.cfg.Limits.ChunkBytes())); err != nil {
		return fmt.Errorf("receive snapshot %d: %w", meta.Index, err)
	}
	if got := w.Sum(); a.Sum != "" && got != a.Sum {
		return fmt.Errorf("snapshot %d: %w: it has SHA-256 %x, and %x was announced", meta.Index, errNotAnnounced, got, a.Sum)
	}
	if err := check(); err != nil {
		return err
	}
	if _, err := w.Commit(); err != nil {
		return fmt.Errorf("commit snapshot %d: %w", meta.Index, err)
	}
	return nil
}

// offer waits for the verdict of the raft goroutine.
func (g *generation) offer(ctx context.Context, ask func(done func(error)) error) error {
	verdict := make(chan error, 1)
	if err := ask(func(err error) { verdict <- err }); err != nil {
		return err
	}
	select {
	case err := <-verdict:
		return err
	case <-g.raftDone:
		return errNoNode
	case <-ctx.Done():
		return ctx.Err()
	}
}
