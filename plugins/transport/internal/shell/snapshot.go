package shell

import (
	"context"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// SendSnapshot implements Endpoint. It waits for a place among the snapshots that
// are sent.
func (s *Station[P]) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	if !s.Life.Enter() {
		return plugins.ErrClosed
	}
	defer s.Life.Leave()
	p := s.Roster.Get(header.To)
	if p == *new(P) {
		return fmt.Errorf("send snapshot to %x: %w", header.To, transport.ErrUnknownPeer)
	}
	if err := s.checkSnapshot(header); err != nil {
		return fmt.Errorf("send snapshot to %x: %w", header.To, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.Living(), cancel)()

	if err := s.Pace.Enter(ctx); err != nil {
		return fmt.Errorf("send snapshot of %d bytes to %x: waiting for others: %w", header.Bytes, header.To, err)
	}
	defer s.Pace.Leave()
	if err := p.SendSnapshot(ctx, header, r); err != nil {
		return fmt.Errorf("send snapshot of %d bytes to %x: %w", header.Bytes, header.To, err)
	}
	return nil
}

// checkSnapshot holds the caller to the contract: one MsgSnap for that peer.
func (s *Station[P]) checkSnapshot(header transport.SnapshotHeader) error {
	m, err := raftmsg.Scan(header.Message)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", plugins.ErrInvalidArgument, err)
	case m.Kind != raftmsg.TypeSnap:
		return fmt.Errorf("%w: message type %d is not a snapshot", plugins.ErrInvalidArgument, m.Kind)
	case m.To != header.To || m.From != s.Node:
		return fmt.Errorf("%w: snapshot message is from %x to %x", plugins.ErrInvalidArgument, m.From, m.To)
	case header.Group != s.Group:
		return fmt.Errorf("%w: snapshot of group %d", plugins.ErrInvalidArgument, header.Group)
	case len(header.Message) > s.MaxMessage:
		return fmt.Errorf("snapshot message of %d bytes: %w", len(header.Message), plugins.ErrLimit)
	}
	return nil
}
