package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// startSnapshot begins to send a snapshot to a follower, in the place of the one that is
// on its way there.
func (g *generation) startSnapshot(s node.SnapshotSend) {
	o := g.sends.begin(g.working, s)
	g.wg.Go(func() { g.sendSnapshot(o) })
}

// sendSnapshot sends a snapshot and tells raft the outcome, exactly once, whatever
// happens; of one that a newer one has taken the place of raft hears nothing.
func (g *generation) sendSnapshot(o *sendOnce) {
	g.sends.await(o)
	g.h.logger.Info("sending a snapshot", "to", o.To, "index", o.Index, "state_only", o.StateOnly)
	begun := time.Now()
	err := g.trySendSnapshot(o)
	g.h.server.Timings().SnapshotSent(time.Since(begun), err)
	tell := g.sends.end(o)
	if o.StateOnly {
		g.stateSent(o, err, tell)
		return
	}
	if err != nil {
		g.h.logger.Warn("snapshot could not be sent", "event", events.Snapshot, "to", o.To, "index", o.Index, "error", err)
	} else {
		g.h.logger.Info("snapshot sent", "event", events.Snapshot, "to", o.To, "index", o.Index)
	}
	if !tell {
		return
	}
	g.node.Do(func(c *node.Core) error {
		if err != nil {
			c.SnapshotFailed(o.To, err, o.gone)
		}
		return c.SnapshotStatus(o.To, err == nil)
	})
}

// stateSent tells of the end of sending a snapshot for a state machine alone.
func (g *generation) stateSent(o *sendOnce, err error, tell bool) {
	if err != nil {
		g.h.logger.Warn("a snapshot could not be sent to a member that asks for a state", "event", events.Snapshot, "to", o.To, "index", o.Index, "error", err)
	} else {
		g.h.logger.Info("snapshot sent to a member that asked for a state", "event", events.Snapshot, "to", o.To, "index", o.Index)
	}
	if tell {
		g.node.Do(func(c *node.Core) error { c.StateSent(o.To, o.gone); return nil })
	}
}

func (g *generation) trySendSnapshot(o *sendOnce) (err error) {
	ctx, cancel := o.ctx, o.cancel
	release := g.h.server.Hold(o.Index, cancel)
	defer release()
	var r storage.SnapshotReader
	if r, err = g.snapshotToSend(ctx, o.Index, cancel); err != nil {
		return fmt.Errorf("open snapshot %d: %w", o.Index, err)
	}
	defer r.Close()
	progress := newProgressReader(r, progressTimeout(g.h.cfg.Election), cancel)
	defer progress.stop()
	defer func() { o.gone = progress.gone(r.Info().Bytes, err) }()
	content := node.Content{Bytes: r.Info().Bytes, Sum: string(r.Info().Sha256)}
	offset := o.Kept.Of(content)
	if err := g.skip(o, offset, content.Bytes, progress); err != nil {
		return g.because(ctx, fmt.Errorf("read snapshot %d: %w", o.Index, err))
	}
	err = g.h.courier.SendSnapshot(ctx, transport.SnapshotHeader{
		Group: group, To: uint64(o.To), From: g.h.cfg.ID,
		Message: node.Announce(o.Message, content, offset), Bytes: content.Bytes - offset,
	}, progress)
	return g.because(ctx, err)
}

// skip reads what the peer keeps of a snapshot, and so need not be sent. The storage vouches
// for a snapshot that is read from its first byte to its last.
func (g *generation) skip(o *sendOnce, offset, of uint64, r *progressReader) error {
	if offset == 0 {
		return nil
	}
	if _, err := io.CopyN(io.Discard, r, int64(offset)); err != nil {
		return err
	}
	r.read.Store(0)
	g.h.logger.Info("a snapshot goes on where it broke", "to", o.To, "index", o.Index, "offset", offset, "bytes", of)
	if !o.StateOnly {
		g.node.Do(func(c *node.Core) error { c.SnapshotResumed(o.To, offset, of); return nil })
	}
	return nil
}

// because puts before an error the reason for which ctx was ended: a limit, or the hold on
// the log. A generation that ends is no reason of its own.
func (g *generation) because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && g.working.Err() == nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// snapshotToSend opens a snapshot whose context cancel ends. A storage that answers appends
// and never opens the snapshot would keep its follower without the log for ever: raft
// sends it no second one, and nothing else, before it hears of the end of the first.
func (g *generation) snapshotToSend(ctx context.Context, index uint64, cancel context.CancelCauseFunc) (storage.SnapshotReader, error) {
	limit := progressTimeout(g.h.cfg.Election)
	late := time.AfterFunc(limit, func() { cancel(fmt.Errorf("the storage has not opened it for %v", limit)) })
	defer late.Stop()
	r, err := g.storage.OpenSnapshot(ctx, index)
	return r, g.because(ctx, err)
}

// sendStep is how many bytes of a snapshot must go in each progressTimeout. A snapshot
// of n bytes is on its way for n/sendStep+1 of them at most, however slowly its
// receiver reads.
const sendStep = 64 << 10

// progressReader cancels a transfer of which no step was read for a while. A
// limit on the whole would bound the size of a state by the speed of a link.
type progressReader struct {
	r     io.Reader
	limit time.Duration
	timer *time.Timer
	rest  int // of the step
	read  atomic.Uint64
}

func newProgressReader(r io.Reader, limit time.Duration, cancel context.CancelCauseFunc) *progressReader {
	return &progressReader{r: r, limit: limit, rest: sendStep, timer: time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("less than %d bytes of it have gone in %v", sendStep, limit))
	})}
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.read.Add(uint64(n))
	if p.rest -= n; p.rest <= 0 || err != nil {
		p.timer.Reset(p.limit) // after the end for the verdict
		p.rest = sendStep
	}
	return n, err
}

// gone counts the bytes of a snapshot that may have gone. Of one that did not reach the
// peer, what the way to the plugin's process holds may be all that was read.
func (p *progressReader) gone(of uint64, err error) node.Gone {
	gone := node.Gone{Read: p.read.Load(), Of: of}
	if errors.Is(err, transport.ErrUnreachable) {
		gone.Ahead = pluginrpc.UploadAhead
	}
	return gone
}

func (p *progressReader) stop() { p.timer.Stop() }
