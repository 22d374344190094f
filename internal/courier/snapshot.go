package courier

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// SendSnapshot sends a snapshot to header.To by the transport that carries messages
// there, and returns the receiver's verdict, as transport.Transport does. If the peer is
// not reached, the next one goes by another transport, if there is one.
func (c *Courier) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	by := c.forSnapshot(header.To)
	if by == nil {
		return transport.ErrUnreachable
	}
	t := by.transport.Load()
	if t == nil {
		return transport.ErrUnreachable
	}
	err := (*t).SendSnapshot(ctx, header, r)
	if errors.Is(err, transport.ErrUnreachable) {
		c.snapshotLost(by, header.To)
	}
	return err
}

// forSnapshot is the transport that carries a snapshot to a peer; nil if none
// can.
func (c *Courier) forSnapshot(to uint64) *carrier {
	c.mu.Lock()
	choice := c.routes.choose(to, time.Now())
	c.mu.Unlock()
	if choice.silent {
		c.host.Lost([]member.ID{member.ID(to)})
	}
	if choice.transport == noWay {
		return nil
	}
	return c.carriers[choice.transport]
}

// snapshotLost notes that a transport could not bring a peer a snapshot. Raft is
// told by the snapshot's status.
func (c *Courier) snapshotLost(k *carrier, to uint64) {
	c.mu.Lock()
	c.routes.doubt(to, k.number, time.Now())
	c.mu.Unlock()
}
