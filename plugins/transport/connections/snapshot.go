package connections

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
)

// arrivalSilence, with two elections, is how long nothing may come of a snapshot for which the
// host waits. Its sender may wait for a disk.
const arrivalSilence = 30 * time.Second

// textBytes bounds the text of a verdict.
const textBytes = 1 << 10

// A verdict is what the receiver of a snapshot says in the end.
type verdict struct {
	Accepted bool
	Later    bool // there is no verdict on the snapshot
	Text     string
}

func (v verdict) err() error {
	switch {
	case v.Accepted:
		return nil
	case v.Later:
		return fmt.Errorf("%w: %q", transport.ErrUnreachable, v.Text)
	}
	return fmt.Errorf("%w: %q", transport.ErrSnapshotRefused, v.Text)
}

// SendSnapshot implements shell.Endpoint. The snapshot has a connection of its own; ctx
// ends if nothing moves.
func (n *node) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	if !n.life.Enter() {
		return plugins.ErrClosed
	}
	defer n.life.Leave()
	n.mu.Lock()
	p := n.peers[header.To]
	n.mu.Unlock()
	if p == nil {
		return fmt.Errorf("send a snapshot to %x: %w", header.To, transport.ErrUnknownPeer)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	l, err := p.dial(ctx, laneSnapshot)
	switch {
	case errors.Is(err, greetings.ErrRemoved):
		return fmt.Errorf("%w: %w", transport.ErrSnapshotRefused, err)
	case err != nil:
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
	}
	defer l.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = l.conn.Close() })()
	if _, err := n.stand(l); err != nil {
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
	}
	defer n.leave(l)
	defer n.hold(l)()

	judged := make(chan error, 1) // also of a snapshot that is not wanted, before its end
	n.life.Fork(func() {
		var v verdict
		if err := n.readJSON(l.r, frameVerdict, &v); err != nil {
			judged <- fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
			return
		}
		judged <- v.err()
	})
	if source := sendSnapshot(ctx, l.conn, header, r); source != nil {
		_ = l.conn.Close() // and not its end
		return fmt.Errorf("send a snapshot to %x: %w", header.To, source)
	}
	return <-judged
}

// sendSnapshot sends header, bytes and sum. It returns an error of the source, or of ctx; of
// the connection the verdict tells.
func sendSnapshot(ctx context.Context, w io.Writer, header transport.SnapshotHeader, r io.Reader) error {
	body, err := header.Marshal()
	if err != nil {
		return err
	}
	broken := writeFrame(w, frameHeader, body)
	source, b := seal.NewSource(r, header.Bytes), make([]byte, headBytes+pieceBytes)
	for broken == nil {
		got, err := source.Read(b[headBytes:])
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case got > 0:
			appendHead(b[:0], frameChunk, got)
			_, broken = w.Write(b[:headBytes+got])
		}
		if err != nil && broken == nil {
			_ = writeFrame(w, frameEnd, []byte(source.Sum()))
			break
		}
	}
	return nil
}

// receive takes a snapshot, and tells its sender what the host makes of it.
func (n *node) receive(l *link) {
	l.conn.limit = silence
	v := n.offer(l)
	l.conn.limit = 0
	v.Text = v.Text[:min(len(v.Text), textBytes)]
	// The rest of the snapshot is read until the sender closes, so that the verdict is not lost
	// with the connection.
	if l.conn.SetDeadline(time.Now().Add(silence)) == nil && writeJSON(l.conn, frameVerdict, v) == nil {
		_, _ = io.Copy(io.Discard, l.conn)
	}
}

// offer gives a snapshot to the host.
func (n *node) offer(l *link) verdict {
	kind, body, err := n.readPaced(l, 0) // for the member no large one of its messages waits
	var header transport.SnapshotHeader
	if err == nil {
		err = header.Unmarshal(body)
	}
	if err == nil && (kind != frameHeader || header.From != l.peer || header.To != n.opts.NodeID || header.Group != n.opts.Group) {
		err = fmt.Errorf("a snapshot from %x to %x of group %d", header.From, header.To, header.Group)
	}
	if err != nil {
		return verdict{Text: err.Error()}
	}
	place, err := n.arrive(l)
	if err != nil {
		return verdict{Later: true, Text: err.Error()}
	}
	defer place.Leave()
	l.conn.limit = arrivalSilence + 2*n.opts.Election
	content := &incoming{n: n, r: place.Reader(l.r), check: seal.NewCheck(header.Bytes)}
	err = n.handler.ReceiveSnapshot(n.life.Context(), header, content)
	if err == nil {
		err = seal.Finish(content)
	}
	switch {
	case n.life.Context().Err() != nil:
		return verdict{Later: true, Text: "this node is closing"}
	case place.Lost():
		return verdict{Later: true, Text: arrivals.ErrGaveWay.Error()}
	case err != nil:
		return verdict{Text: err.Error()}
	}
	return verdict{Accepted: true}
}

// arrive takes a place for the snapshot of a link. One that loses its place ends.
func (n *node) arrive(l *link) (*arrivals.Place, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	place, err := n.snapshots.Enter(l.peer, n.peers[l.peer] != nil, func() { _ = l.conn.Close() })
	l.arriving = err == nil
	return place, err
}

// An incoming is a snapshot as the host reads it.
type incoming struct {
	n     *node
	r     io.Reader
	check *seal.Check
	left  int // of the chunk
	end   error
}

// Read ends with io.EOF only if all has arrived, unchanged.
func (s *incoming) Read(b []byte) (int, error) {
	for s.end == nil && s.left == 0 && len(b) > 0 {
		s.end = s.chunk()
	}
	if s.end != nil || len(b) == 0 {
		return 0, s.end
	}
	got, err := s.r.Read(b[:min(len(b), s.left)])
	s.left -= got
	if s.end = s.check.Took(b[:got]); s.end == nil && err != nil {
		s.end = brokenOff(err)
	}
	return got, s.end
}

// chunk begins the next chunk, or says how the snapshot ends.
func (s *incoming) chunk() error {
	kind, size, err := s.n.readHead(s.r)
	switch {
	case err != nil:
		return brokenOff(err)
	case kind == frameChunk:
		s.left = size
		return nil
	case kind != frameEnd || size > smallBytes:
		return fmt.Errorf("%w: a frame of kind %q", seal.ErrDamaged, kind)
	}
	sum := make([]byte, size)
	if _, err := io.ReadFull(s.r, sum); err != nil {
		return brokenOff(err)
	}
	return s.check.EndWith(string(sum))
}

// brokenOff is an error that is not io.EOF, which means that all is well.
func brokenOff(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: it broke off: %w", seal.ErrDamaged, err)
}
