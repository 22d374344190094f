package transporttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// pieceBytes is the most that the source of a snapshot is asked for at once.
const pieceBytes = 64 << 10

// incoming is a snapshot on its way. Its receiver reads the pipe, not the
// source: a break ends the receiver's read at once, however long the source
// lets the sender wait.
type incoming struct {
	from   uint64
	cancel context.CancelCauseFunc
	*io.PipeReader
}

// fail ends the snapshot with err.
func (i *incoming) fail(err error) {
	i.cancel(err)
	_ = i.CloseWithError(err)
}

// SendSnapshot implements transport.Transport.
func (e *endpoint) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, sending := io.Pipe()
	in := &incoming{from: e.opts.NodeID, cancel: cancel, PipeReader: body}
	to, err := e.offer(in, header)
	if err != nil {
		return fmt.Errorf("send snapshot to %x: %w", header.To, err)
	}
	defer e.calls.Done()
	defer context.AfterFunc(ctx, func() { _ = sending.CloseWithError(context.Cause(ctx)) })()
	verdicts := make(chan error, 1)
	go func() {
		verdict := to.handler.ReceiveSnapshot(ctx, header, in)
		_ = body.CloseWithError(errSettled)
		to.settle(in)
		verdicts <- verdict
	}()
	failed := stream(sending, r, header.Bytes)
	// The caller may have given up before the source ended, and the function that ctx
	// calls may run later than this: io.EOF would make the receiver take a snapshot whose
	// sender has failed.
	_ = sending.CloseWithError(cmp.Or(failed, context.Cause(ctx))) // nil is io.EOF
	verdict := <-verdicts
	broken := context.Cause(ctx)
	switch {
	case failed != nil:
		return fmt.Errorf("send snapshot to %x: %w", header.To, failed)
	case errors.Is(verdict, plugins.ErrClosed): // a receiver that is closing has refused nothing
		return fmt.Errorf("send snapshot to %x: %w: %w", header.To, transport.ErrUnreachable, verdict)
	case broken != nil:
		return fmt.Errorf("send snapshot to %x: %w", header.To, errors.Join(transport.ErrUnreachable, broken))
	case verdict != nil:
		return fmt.Errorf("send snapshot to %x: %w: %w", header.To, transport.ErrSnapshotRefused, verdict)
	}
	return nil
}

// errSettled is what the sender's writes get after the receiver's verdict.
var errSettled = errors.New("the receiver has its result")

// stream copies the source until it ends, fails or has no reader any more. It
// returns the error of the source, if there was one.
func stream(w io.Writer, r io.Reader, size uint64) error {
	piece := make([]byte, pieceBytes)
	sent := uint64(0)
	for {
		n, err := r.Read(piece)
		sent += uint64(n)
		if n > 0 {
			if _, gone := w.Write(piece[:n]); gone != nil {
				return nil
			}
		}
		switch {
		case errors.Is(err, io.EOF) && size > 0 && sent != size:
			return fmt.Errorf("%w: snapshot has %d bytes instead of %d", plugins.ErrInvalidArgument, sent, size)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
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
	if to == nil || !to.hears(e) {
		return nil, transport.ErrUnreachable
	}
	if to.refuses(e) {
		return nil, fmt.Errorf("%w: removed member", transport.ErrSnapshotRefused)
	}
	if m := e.network.greet(e, to); m != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrSnapshotRefused, m)
	}
	if !to.admits(e) {
		return nil, fmt.Errorf("%w: not a member", transport.ErrSnapshotRefused)
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
