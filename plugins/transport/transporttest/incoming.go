package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// incoming is a snapshot on its way, as its receiver reads it.
type incoming struct {
	from   uint64
	size   uint64
	cancel context.CancelCauseFunc
	ctx    context.Context

	mu   sync.Mutex // held while r is read
	r    io.Reader
	read uint64
	over bool  // SendSnapshot has returned: r is the caller's again
	err  error // of r
}

// fail ends the snapshot with err.
func (i *incoming) fail(err error) { i.cancel(err) }

// Read ends with io.EOF only if everything arrived.
func (i *incoming) Read(p []byte) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ctx.Err() != nil || i.over {
		return 0, errBroken
	}
	if i.err != nil {
		return 0, i.err
	}
	n, err := i.r.Read(p)
	i.read += uint64(n)
	if errors.Is(err, io.EOF) && i.size > 0 && i.read != i.size {
		err = fmt.Errorf("%w: snapshot has %d bytes instead of %d", plugins.ErrInvalidArgument, i.read, i.size)
	}
	if err != nil {
		i.err = err
	}
	return n, err
}

// finish ends reading and returns the error of the reader, if it had one.
func (i *incoming) finish() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = true
	if errors.Is(i.err, io.EOF) {
		return nil
	}
	return i.err
}

// SendSnapshot implements transport.Transport.
func (e *endpoint) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := &incoming{from: e.opts.NodeID, size: header.Bytes, r: r, ctx: ctx, cancel: cancel}
	to, err := e.offer(in, header)
	if err != nil {
		return fmt.Errorf("send snapshot to %x: %w", header.To, err)
	}
	verdict := to.handler.ReceiveSnapshot(ctx, header, in)
	to.settle(in)
	e.calls.Done()
	broken := context.Cause(ctx)
	failed := in.finish()
	switch {
	case failed != nil:
		return fmt.Errorf("send snapshot to %x: %w", header.To, failed)
	case broken != nil:
		return fmt.Errorf("send snapshot to %x: %w", header.To, errors.Join(transport.ErrUnreachable, broken))
	case verdict != nil:
		return fmt.Errorf("send snapshot to %x: %w: %w", header.To, transport.ErrSnapshotRefused, verdict)
	}
	return nil
}

// offer finds the receiver and counts the call at both ends.
func (e *endpoint) offer(in *incoming, header transport.SnapshotHeader) (*endpoint, error) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.usable(); err != nil {
		return nil, err
	}
	p, known := e.peers[header.To]
	if !known {
		return nil, transport.ErrUnknownPeer
	}
	to := e.network.reach(e, p)
	if to == nil {
		return nil, transport.ErrUnreachable
	}
	if to.refuses(e) {
		return nil, fmt.Errorf("%w: removed member", transport.ErrSnapshotRefused)
	}
	to.receiving[in] = struct{}{}
	to.calls.Add(1)
	e.calls.Add(1)
	return to, nil
}

// settle forgets a snapshot that is over.
func (e *endpoint) settle(in *incoming) {
	e.network.mu.Lock()
	delete(e.receiving, in)
	e.network.mu.Unlock()
	e.calls.Done()
}

// breakSnapshots fails all that are on their way from one node. It needs
// network.mu.
func (e *endpoint) breakSnapshots(from uint64) {
	for in := range e.receiving {
		if in.from == from {
			in.fail(transport.ErrUnreachable)
		}
	}
}
