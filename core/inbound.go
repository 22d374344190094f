package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// inbound is what a transport plugin calls.
type inbound struct {
	h        *Host
	by       *carrier
	instance *catalog.Instance // the life of the plugin that calls
	since    time.Time         // when it was opened
}

// transportTrial is how long a transport must have run for what it carries to
// count as progress.
const transportTrial = time.Minute

// carried notes that the transport does what it is for.
func (in inbound) carried() {
	if time.Since(in.since) >= transportTrial {
		in.instance.Progressed()
	}
}

var _ transport.Handler = inbound{}

// errNoNode: there is no raft node to take something.
var errNoNode = errors.New("the storage plugin is starting")

// Deliver implements transport.Handler. While the storage restarts there is no
// node, and messages are lost, as on a node that is down.
func (in inbound) Deliver(envelopes []transport.Envelope) {
	in.carried()
	in.h.courier.heard(in.by, envelopes)
	if g := in.h.current(); g != nil {
		g.node.Deliver(envelopes)
	}
}

// Notify implements transport.Handler.
func (in inbound) Notify(events []transport.Event) {
	for i := range events {
		e := &events[i]
		switch e.Type {
		case pluginv1.EventType_EVENT_UNREACHABLE:
			in.h.courier.lost(in.by, e.Peer)
		case pluginv1.EventType_EVENT_INACTIVE:
			in.h.courier.connection(in.by, in.instance, e.Peer, false)
			if !in.h.courier.connected(e.Peer) {
				in.h.identity.left(member.ID(e.Peer))
			}
		case pluginv1.EventType_EVENT_GREETED:
			in.h.identity.greeted(member.ID(e.Peer), transport.Greeting(e.Greeting))
		case pluginv1.EventType_EVENT_MISMATCH:
			in.h.identity.mismatch(conflict{
				peer: member.ID(e.Peer), reason: e.Reason, refused: e.Verdict == transport.VerdictRefusedByPeer, detail: e.Detail,
				says: transport.Greeting(e.Greeting),
			})
		case pluginv1.EventType_EVENT_UNVERIFIED:
			in.by.callersUnverified()
		case pluginv1.EventType_EVENT_REMOVED:
			in.h.toldRemoved(e)
		case pluginv1.EventType_EVENT_ACTIVE:
			in.carried()
			in.h.courier.connection(in.by, in.instance, e.Peer, true)
			in.h.identity.joined(member.ID(e.Peer))
			in.h.removals.withdraw(member.ID(e.Peer))
			in.connectedTo(member.ID(e.Peer))
		}
	}
}

// ReceiveSnapshot implements transport.Handler: it spools the snapshot into
// the storage, checks it, and offers it to raft.
func (in inbound) ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	g := in.h.current()
	if g == nil {
		return errNoNode
	}
	return g.receiveSnapshot(ctx, header, r)
}

// sendSnapshot sends a snapshot to a follower and tells raft the outcome,
// exactly once, whatever happens.
func (g *generation) sendSnapshot(s node.SnapshotSend) {
	g.h.logger.Info("sending a snapshot", "to", s.To, "index", s.Index, "state_only", s.StateOnly)
	err := g.trySendSnapshot(s)
	if s.StateOnly {
		g.stateSent(s, err)
		return
	}
	if err != nil {
		g.h.logger.Warn("snapshot could not be sent", "to", s.To, "index", s.Index, "error", err)
		g.node.Do(func(c *node.Core) error { c.SnapshotFailed(s.To, err); return nil })
	} else {
		g.h.logger.Info("snapshot sent", "to", s.To, "index", s.Index)
	}
	g.node.Do(func(c *node.Core) error { return c.SnapshotStatus(s.To, err == nil) })
}

// stateSent tells of the end of sending a snapshot for a state machine alone.
func (g *generation) stateSent(s node.SnapshotSend, err error) {
	if err != nil {
		g.h.logger.Warn("a snapshot could not be sent to a member that asks for a state", "to", s.To, "index", s.Index, "error", err)
	} else {
		g.h.logger.Info("snapshot sent to a member that asked for a state", "to", s.To, "index", s.Index)
	}
	g.node.Do(func(c *node.Core) error { c.StateSent(s.To); return nil })
}

func (g *generation) trySendSnapshot(s node.SnapshotSend) error {
	ctx, cancel := context.WithCancelCause(g.working)
	defer cancel(nil)
	release := g.h.server.Hold(s.Index, cancel)
	defer release()
	by := g.h.courier.forSnapshot(s.To)
	if by == nil {
		return transport.ErrUnreachable
	}
	t := by.transport.Load()
	if t == nil {
		return transport.ErrUnreachable
	}
	r, err := g.storage.OpenSnapshot(ctx, s.Index)
	if err != nil {
		return fmt.Errorf("open snapshot %d: %w", s.Index, err)
	}
	defer r.Close()
	progress := newProgressReader(r, progressTimeout(g.h.cfg.Election), cancel)
	defer progress.stop()
	err = (*t).SendSnapshot(ctx, transport.SnapshotHeader{
		Group: group, To: uint64(s.To), From: g.h.cfg.ID, Message: s.Message, Bytes: r.Info().Bytes,
	}, progress)
	if cause := context.Cause(ctx); err != nil && cause != nil && g.working.Err() == nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	if errors.Is(err, transport.ErrUnreachable) {
		g.h.courier.snapshotLost(by, s.To) // the next one goes another way, if there is one
	}
	return err
}

// sendStep is how much of a snapshot must go in each progressTimeout: a snapshot
// of n bytes is on its way for n/sendStep+1 of them at most, though its receiver
// trickles.
const sendStep = 64 << 10

// progressReader cancels a transfer of which no step was read for a while. A
// limit on the whole would bound the size of a state by the speed of a link.
type progressReader struct {
	r     io.Reader
	limit time.Duration
	timer *time.Timer
	rest  int // of the step
}

func newProgressReader(r io.Reader, limit time.Duration, cancel context.CancelCauseFunc) *progressReader {
	return &progressReader{r: r, limit: limit, rest: sendStep, timer: time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("less than %d bytes of it have gone in %v", sendStep, limit))
	})}
}

func (p *progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.rest -= n; p.rest <= 0 || err != nil {
		p.timer.Reset(p.limit) // after the end for the verdict
		p.rest = sendStep
	}
	return n, err
}

func (p *progressReader) stop() { p.timer.Stop() }
