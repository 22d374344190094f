package quictransport

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
)

var errNotASnapshot = errors.New("stream is no snapshot")

// snapshotRefused is what the log says of a snapshot that was not taken.
const snapshotRefused = "snapshot refused"

// acceptSnapshots takes the peer's snapshots until the connection ends. They
// are not waited for: a host may take long, and the next link need not.
func (l *link) acceptSnapshots(ctx context.Context) {
	for {
		stream, err := l.conn.AcceptStream(ctx)
		if err != nil {
			return
		}
		if !l.peer.e.Life.Go(func() { l.serveSnapshot(stream) }) {
			cut(stream)
		}
	}
}

// serveSnapshot takes one snapshot and answers with the host's verdict.
func (l *link) serveSnapshot(stream *quic.Stream) {
	e := l.peer.e
	in := pace.NewReader(stream, stream.SetReadDeadline, e.timing.Link)
	body := &receivedSnapshot{r: bufio.NewReaderSize(in, readBufferBytes)}
	err := l.takeSnapshot(stream.Context(), body, func() { stream.CancelRead(streamErrorStop) })
	if errors.Is(err, errInquiry) {
		l.answerInquiry(stream, body.r)
		return
	}
	if errors.Is(err, errNotASnapshot) {
		stream.CancelRead(streamErrorUnknown)
		stream.CancelWrite(streamErrorUnknown)
		return
	}
	if err != nil {
		e.Complaints.Failed(l.peer.id, snapshotRefused, err)
	} else {
		e.Complaints.Succeeded(l.peer.id, snapshotRefused)
	}
	out := pace.NewWriter(stream, e.timing.Link)
	if _, err := out.Write(verdictOf(err, e.Life.Context().Err() != nil).encode()); err == nil {
		_ = stream.Close()
	}
	stream.CancelRead(streamErrorStop)
}

// takeSnapshot reads the header and lets the host have the rest, unless the
// snapshot has to give way, upon which end is called. ctx ends when the sender
// gives up, or the connection.
func (l *link) takeSnapshot(ctx context.Context, body *receivedSnapshot, end func()) error {
	e := l.peer.e
	kind, err := body.r.ReadByte()
	if err == nil && streamKind(kind) == streamInquiry {
		return errInquiry
	}
	if err != nil || streamKind(kind) != streamSnapshot {
		return fmt.Errorf("%w: kind %d", errNotASnapshot, kind)
	}
	message, err := body.header(e.MaxMessage, l.peer.id, e.self.node)
	if err != nil {
		return fmt.Errorf("read snapshot message: %w", err)
	}
	place, err := e.Arrivals.Enter(l.peer.id, e.Roster.Knows(l.peer.id), end)
	if err != nil {
		return err
	}
	defer place.Leave()
	err = e.Handler.ReceiveSnapshot(ctx, transport.SnapshotHeader{
		Group: e.Group, To: e.self.node, From: l.peer.id, Message: message, Bytes: body.size,
	}, place.Reader(body))
	switch {
	case place.Lost():
		return arrivals.ErrGaveWay
	case err != nil:
		return err
	}
	return seal.Finish(body)
}

// verdictOf says what a sender is told.
func verdictOf(err error, closing bool) verdict {
	switch {
	case err == nil:
		return verdict{code: verdictAccepted}
	case closing, errors.Is(err, arrivals.ErrTooMany), errors.Is(err, arrivals.ErrGaveWay), errors.Is(err, plugins.ErrClosed):
		return verdict{code: verdictLater, text: err.Error()} // no verdict on the snapshot
	}
	return verdict{code: verdictRefused, text: err.Error()}
}
