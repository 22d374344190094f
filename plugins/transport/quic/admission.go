package quictransport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// errInquiry: a stream asks about a member.
var errInquiry = errors.New("stream is an inquiry")

// Answers to an inquiry.
const (
	inquiryUnknown byte = iota
	inquiryMember
)

// belongs refuses a caller that proved who it is and is no member, as far as this
// node and its peers know. Those that were removed are told so elsewhere.
func (e *endpoint) belongs(address net.Addr, from uint64) error {
	if !e.security.authenticated() {
		return nil
	}
	heard, ask := e.desk.Admits(from)
	if ask {
		e.life.Go(func() { e.inquire(from) })
	}
	if heard {
		return nil
	}
	err := fmt.Errorf("%w: it is of member %x", peertls.ErrNoMember, from)
	e.security.refusals.Called(address.String(), err)
	return err
}

// inquire asks the peers that are connected whether one of them knows the caller
// as a member.
func (e *endpoint) inquire(about uint64) {
	ctx, cancel := context.WithTimeout(e.life.Context(), e.timing.dial)
	defer cancel()
	e.desk.Told(about, vouching.Ask(e.roster.Named(), func(p *peer) vouching.Answer { return p.vouches(ctx, about) }))
}

// vouches asks one peer, if it is connected. One that knows no such stream ends
// it.
func (p *peer) vouches(ctx context.Context, about uint64) vouching.Answer {
	l := p.link.Load()
	if l == nil {
		return vouching.Nobody
	}
	answer, err := inquire(ctx, l.conn, about)
	switch {
	case err != nil:
		return vouching.Nobody
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
	if e.roster.Knows(l.peer.id) && e.desk.Vouches(binary.BigEndian.Uint64(about[:])) {
		answer = inquiryMember
	}
	if err := stream.SetWriteDeadline(time.Now().Add(e.timing.link)); err != nil {
		return
	}
	if _, err := stream.Write([]byte{answer}); err == nil {
		_ = stream.Close()
	}
}
