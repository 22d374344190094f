package quictransport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

const (
	// batchMessages is the most messages delivered in one call.
	batchMessages = 1024
	// readBufferBytes is the buffer of one message stream. The messages in it
	// are delivered as one batch.
	readBufferBytes = 64 << 10
)

var (
	errSecondStream = errors.New("second stream of its kind")
	errNoControl    = errors.New("peer has opened no control stream")
)

// acceptMessages takes the message streams of the peer until the connection
// ends. It is counted in running, and counts their readers there too.
func (l *link) acceptMessages(ctx context.Context, running *sync.WaitGroup) {
	for {
		stream, err := l.conn.AcceptUniStream(ctx)
		if err != nil {
			return
		}
		running.Go(func() { l.read(ctx, stream) })
	}
}

// read delivers what arrives on one stream. Its end is the connection's.
func (l *link) read(ctx context.Context, stream *quic.ReceiveStream) {
	timeout := l.peer.e.timing.Link
	in := &pace.Timed{R: stream, Deadline: pace.Deadline{Set: stream.SetReadDeadline, Timeout: timeout}}
	buffered := bufio.NewReaderSize(in, readBufferBytes)
	first, err := buffered.ReadByte()
	kind := streamKind(first)
	if err == nil && kind.channelIndex() < 0 {
		stream.CancelRead(streamErrorUnknown)
		return
	}
	if err == nil {
		err = l.open(kind)
	}
	if err == nil {
		if kind != streamControl {
			in.Timeout = 0
			_ = stream.SetReadDeadline(time.Time{})
		}
		err = l.receive(kind, &frameReader{
			r: buffered, link: raftmsg.Link{From: l.peer.id, To: l.peer.e.self.node}, limit: l.peer.e.MaxMessage,
		})
	}
	if ctx.Err() != nil {
		return
	}
	number := closeProtocol
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		number = closeSlow
	case greetings.Mismatched(err):
		number = closeMismatch
	}
	l.fail(number, fmt.Errorf("%v stream of the peer: %w", kind, err))
}

// open notes that the peer has opened a stream of the kind.
func (l *link) open(kind streamKind) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[kind.channelIndex()] {
		return errSecondStream
	}
	l.seen[kind.channelIndex()] = true
	return nil
}

// receive delivers batches until the stream fails.
func (l *link) receive(kind streamKind, frames *frameReader) error {
	hint := 1
	for {
		batch, err := l.gather(kind, frames, hint)
		if len(batch) > 0 {
			hint = len(batch)
			l.peer.e.Handler.Deliver(batch)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // the stream lasts as long as the connection
			}
			return err
		}
	}
}

// gather waits for one message and takes all others that are there already.
func (l *link) gather(kind streamKind, frames *frameReader, hint int) ([]transport.Envelope, error) {
	e := l.peer.e
	batch := make([]transport.Envelope, 0, hint)
	for {
		f, err := frames.next()
		if err != nil {
			return batch, err
		}
		switch {
		case f.greeting != nil:
			if len(batch) > 0 {
				l.peer.e.Handler.Deliver(batch)
				batch = nil
			}
			if err := l.greeted(*f.greeting); err != nil {
				return nil, err
			}
		case f.message == nil:
			l.heard(f.clock)
		default:
			batch = append(batch, transport.Envelope{
				Group: e.Group, To: e.self.node, From: l.peer.id, Class: kind.class(), Payload: f.message,
			})
		}
		if n := len(batch); n == batchMessages || (n > 0 && !frames.complete()) {
			return batch, nil
		}
	}
}

// heard notes the peer's clock.
func (l *link) heard(clock time.Time) {
	rtt := l.conn.ConnectionStats().SmoothedRTT
	l.peer.facts.Skew.Store(int64(time.Until(clock.Add(rtt / 2))))
}
