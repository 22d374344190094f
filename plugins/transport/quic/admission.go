package quictransport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// errInquiry: a stream asks about a member.
var errInquiry = errors.New("stream is an inquiry")

// Answers to an inquiry.
const (
	inquiryUnknown byte = iota
	inquiryMember
)

// Vouches implements shell.Peer: it asks a peer that is connected. One that knows no
// such stream ends it.
func (p *peer) Vouches(ctx context.Context, about uint64) vouching.Answer {
	l := p.link.Load()
	if l == nil {
		return vouching.Unanswered
	}
	answer, err := inquire(ctx, l.conn, about)
	switch {
	case err != nil:
		return vouching.Unanswered
	case answer == inquiryMember:
		return vouching.Member
	}
	return vouching.Unknown
}

// inquire asks over a stream of its own.
func inquire(ctx context.Context, conn *quic.Conn, about uint64) (byte, error) {
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return 0, err
	}
	defer stream.CancelRead(streamErrorStop)
	deadline, _ := ctx.Deadline()
	if err := stream.SetDeadline(deadline); err != nil {
		return 0, err
	}
	question := binary.BigEndian.AppendUint64([]byte{byte(streamInquiry)}, about)
	if _, err := stream.Write(question); err != nil {
		return 0, err
	}
	if err := stream.Close(); err != nil {
		return 0, err
	}
	var answer [1]byte
	_, err = io.ReadFull(stream, answer[:])
	return answer[0], err
}

// answerInquiry says of the member that a member asks about whether it is one.
func (l *link) answerInquiry(stream *quic.Stream, r *bufio.Reader) {
	e := l.peer.e
	defer stream.CancelRead(streamErrorStop)
	var about [8]byte
	if _, err := io.ReadFull(r, about[:]); err != nil {
		stream.CancelWrite(streamErrorStop)
		return
	}
	answer := inquiryUnknown
	if e.Roster.Knows(l.peer.id) && e.Desk.Vouches(binary.BigEndian.Uint64(about[:])) {
		answer = inquiryMember
	}
	if err := stream.SetWriteDeadline(time.Now().Add(e.timing.Link)); err != nil {
		return
	}
	if _, err := stream.Write([]byte{answer}); err == nil {
		_ = stream.Close()
	}
}
