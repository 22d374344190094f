package quictransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
)

// chunkBytes is the largest chunk of a snapshot.
const chunkBytes = 256 << 10

// SendSnapshot implements shell.Peer.
func (p *peer) SendSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	l, err := p.await(ctx)
	switch {
	case errors.Is(err, greetings.ErrRemoved) || greetings.Mismatched(err):
		return fmt.Errorf("%w: %w", transport.ErrSnapshotRefused, err)
	case err != nil:
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
	}
	stream, err := l.conn.OpenStream()
	if err != nil {
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, err)
	}
	stream.SetPriority(streamSnapshot.urgency(), true)
	// If the caller gives up, whatever is stuck ends at once. The receiver
	// notices by its stream being cut.
	stop := context.AfterFunc(ctx, func() { cut(stream) })
	defer stop()
	s := &snapshotSender{
		ctx: ctx, header: header, pace: p.e.Pace, source: seal.NewSource(r, header.Bytes), out: pace.NewWriter(stream, p.e.timing.Link),
		patience: p.e.timing.Link,
	}
	if err := s.send(stream); err != nil {
		cut(stream)
		return err
	}
	return nil
}

// cut ends both halves of a stream as a failure.
func cut(stream *quic.Stream) {
	stream.CancelWrite(streamErrorCut)
	stream.CancelRead(streamErrorCut)
}

// snapshotSender is the sending end of one snapshot.
type snapshotSender struct {
	ctx    context.Context // once it has ended, the snapshot does not end well
	header transport.SnapshotHeader
	pace   *pace.Pace
	source *seal.Source
	out    *pace.Writer
	// patience is how long a verdict is waited for after a failure.
	patience time.Duration
}

func (s *snapshotSender) send(stream *quic.Stream) error {
	failed, err := s.write()
	switch {
	case err != nil:
		return err // the source's
	case failed == nil:
		failed = stream.Close()
	}
	if failed != nil {
		// The receiver may have decided before the end: it says so, or nothing.
		_ = stream.SetReadDeadline(time.Now().Add(s.patience))
	}
	v, err := readVerdict(stream)
	if err != nil || (failed != nil && v.code == verdictAccepted) {
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, errors.Join(s.ctx.Err(), failed, err))
	}
	return v.err()
}

// write sends everything up to the checksum. It returns what failed: the
// stream, or the source.
func (s *snapshotSender) write() (stream, source error) {
	head := []byte{byte(streamSnapshot)}
	head = binary.BigEndian.AppendUint64(head, s.header.Bytes)
	head = binary.BigEndian.AppendUint32(head, uint32(len(s.header.Message)))
	if _, err := s.out.Write(append(head, s.header.Message...)); err != nil {
		return err, nil
	}
	buffer := make([]byte, 4+chunkBytes)
	for {
		n, end := s.source.Read(s.pace.Step(buffer[4:]))
		if err := s.ctx.Err(); err != nil {
			return err, nil
		}
		if end != nil && !errors.Is(end, io.EOF) {
			return nil, end
		}
		if n > 0 { // a chunk without bytes would be the last one
			s.pace.Spend(s.ctx, n)
			binary.BigEndian.PutUint32(buffer, uint32(n))
			if _, err := s.out.Write(buffer[:4+n]); err != nil {
				return err, nil
			}
		}
		if end != nil {
			break
		}
	}
	_, err := s.out.Write(s.source.AppendSum(make([]byte, 4)))
	return err, nil
}
