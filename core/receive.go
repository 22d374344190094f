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

// errNoBeginning: the rest of a snapshot arrives, and its beginning is not here. The next
// one begins at its beginning, because the sender hears that nothing is kept.
var errNoBeginning = errors.New("its beginning is not kept here any more")

// errBeginningKept: a snapshot begins anew whose beginning is kept here. Its sender sends the
// rest with its next try, after an answer to a heartbeat, or begins anew again.
var errBeginningKept = errors.New("its beginning is kept here, and its rest is enough")

// arrival is a snapshot that arrives.
type arrival struct {
	node.Announcement
	own  *server.SnapshotHeader
	head *bytes.Buffer // the bytes that own was read from; nil if part has them
	part *part         // what has come of it before; nil if it begins
}

func (g *generation) receiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	a, err := node.SnapshotHeader(header.Message, g.h.cfg.Limits)
	if err != nil {
		return err
	}
	if header.To != g.h.cfg.ID || header.Group != group {
		return fmt.Errorf("snapshot %d is for node %x in group %d", a.Metadata.Index, header.To, header.Group)
	}
	if r, err = announcedWhole(header.Bytes, a, r); err != nil {
		return fmt.Errorf("snapshot %d: %w", a.Metadata.Index, err)
	}
	in := &arrival{Announcement: a}
	defer func() { g.leaveKept(in.part) }()
	if a.StateOnly {
		return g.receiveState(ctx, member.ID(header.From), in, r)
	}
	err = g.begin(in, r)
	if errors.Is(err, member.ErrNewer) && g.node.State().Leader == member.ID(header.From) {
		g.h.fail(err) // another try would find the same; the word of others ends nothing
	}
	if err != nil {
		return err
	}
	g.h.logger.Info("receiving a snapshot", "from", member.ID(header.From), "index", a.Metadata.Index, "offset", a.Offset)
	// A snapshot that the state machine does not read would replace the log that it could
	// go on by.
	if err := g.h.server.CheckFormat(in.own); err != nil {
		return fmt.Errorf("snapshot %d: %w", in.own.Index, err)
	}
	wanted := func() error {
		return g.offer(ctx, func(done func(error)) error { return g.node.CheckSnapshot(header.Message, in.own.Registry, done) })
	}
	if err := wanted(); err != nil {
		return err
	}
	if err := g.spool(ctx, in, r, wanted); err != nil {
		return err
	}
	return g.offer(ctx, func(done func(error)) error {
		return g.node.SnapshotReceived(header.Message, in.own.Registry, in.own.Time, done)
	})
}

// receiveState takes a snapshot of the leader for the state machine, which has
// nothing that it could be restored from: it becomes the newest of this member's
// own. The log and what raft knows stay as they are.
func (g *generation) receiveState(ctx context.Context, from member.ID, in *arrival, r io.Reader) error {
	meta := in.Metadata
	needed := func() error {
		if least := g.h.server.Pleads(); least == 0 || meta.Index < least {
			return fmt.Errorf("snapshot %d: %w", meta.Index, errNotWanted)
		}
		return nil
	}
	if err := needed(); err != nil {
		return err
	}
	if err := g.begin(in, r); err != nil {
		return err
	}
	err := g.offer(ctx, func(done func(error)) error {
		g.node.Do(func(c *node.Core) error { done(c.CheckState(from, meta, in.own.Registry)); return nil })
		return nil
	})
	if err != nil {
		return err
	}
	g.h.logger.Info("receiving a snapshot for the state machine", "from", from, "index", meta.Index, "offset", in.Offset)
	if err := g.spool(ctx, in, r, needed); err != nil {
		return err
	}
	g.node.Do(func(c *node.Core) error { c.SnapshotSaved(meta); return nil })
	g.h.server.StateReceived(meta)
	return nil
}

// begin finds the beginning of a snapshot: in what arrives, or in what is kept.
func (g *generation) begin(in *arrival, r io.Reader) (err error) {
	if in.Offset == 0 && g.parts.reminds(in.Sum, !in.StateOnly) {
		return fmt.Errorf("snapshot %d: %w", in.Metadata.Index, errBeginningKept)
	}
	if in.Offset == 0 {
		in.head = &bytes.Buffer{}
		if in.own, err = server.ReadSnapshotHeader(io.TeeReader(r, in.head)); err != nil {
			return err
		}
		return g.checkHeader(in.own, in.Metadata)
	}
	if in.part = g.parts.take(in.Sum, in.Offset, !in.StateOnly); in.part == nil {
		return fmt.Errorf("snapshot %d from byte %d on: %w", in.Metadata.Index, in.Offset, errNoBeginning)
	}
	in.own = in.part.own
	return g.checkHeader(in.own, in.Metadata)
}

// checkHeader holds the host's header of a snapshot against the message that announces it:
// that of the beginning against that of the rest, too.
func (g *generation) checkHeader(own *server.SnapshotHeader, meta storage.SnapshotMetadata) error {
	if own.ClusterID != g.h.cfg.ClusterID || own.Index != meta.Index || own.Term != meta.Term {
		return fmt.Errorf("snapshot of cluster %x at (%d, %d), announced at (%d, %d)", own.ClusterID, own.Index, own.Term, meta.Index, meta.Term)
	}
	if err := own.Registry.CheckLevel(g.h.cfg.level); err != nil {
		return fmt.Errorf("snapshot %d: %w", meta.Index, err)
	}
	return nil
}

// spool writes a snapshot into the storage. check has the last word before it is kept. If
// the rest does not come, what has come stays for the next try.
func (g *generation) spool(ctx context.Context, in *arrival, r io.Reader, check func() error) error {
	index, p := in.Metadata.Index, in.part
	in.part = nil
	if p == nil {
		var err error
		if p, err = g.newPart(ctx, in.Metadata, in.Sum, !in.StateOnly); err != nil {
			return fmt.Errorf("create snapshot %d: %w", index, err)
		}
		p.own, r = in.own, io.MultiReader(in.head, r)
	}
	stop := p.within(ctx)
	defer stop()
	if _, err := io.CopyBuffer(p, r, make([]byte, g.h.cfg.Limits.ChunkBytes())); err != nil {
		if p.broken || errors.Is(err, errNotAnnounced) {
			p.abort()
		} else {
			g.leaveKept(p)
		}
		return fmt.Errorf("receive snapshot %d: %w", index, err)
	}
	defer p.abort()
	if got := p.w.Sum(); in.Sum != "" && got != in.Sum {
		return fmt.Errorf("snapshot %d: %w: it has SHA-256 %x, and %x was announced", index, errNotAnnounced, got, in.Sum)
	}
	if err := check(); err != nil {
		return err
	}
	if _, err := p.w.Commit(); err != nil {
		return fmt.Errorf("commit snapshot %d: %w", index, err)
	}
	g.parts.drop(nil)
	return nil
}

// leaveKept keeps what has come of a snapshot for its rest. Without the sum of the whole
// nothing could be known to be the rest.
func (g *generation) leaveKept(p *part) {
	switch {
	case p == nil:
	case p.sum == "" || p.bytes == 0:
		p.abort()
	default:
		g.h.logger.Info("the beginning of a snapshot is kept for its rest", "index", p.own.Index, "bytes", p.bytes)
		g.parts.keep(p, partAge(g.h.cfg.Election))
	}
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
