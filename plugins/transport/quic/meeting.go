package quictransport

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/reach"
)

var (
	errRenewed = errors.New("the connection is made anew")
	errTLS     = errors.New("the TLS handshake failed")
)

// greetingBytes is the length of a greeting on the wire without its last field, the
// number of voters, which older versions do not say. In a Hello and an Answer that
// field is the last of all, in a frame it follows at once.
const (
	greetingBytes = 3 * 8
	votersBytes   = 8
)

// A misfit says what does not fit in the greetings of a Hello and an Answer. Its
// first values are those of transport.MismatchReason.
type misfit byte

// misfitExpected: the accepter has another store than the dialler expects.
const misfitExpected misfit = 4

func appendGreeting(b []byte, g transport.Greeting) []byte {
	for _, n := range []uint64{g.Store, g.Number, g.Founding} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func (f *fields) greeting() transport.Greeting {
	return transport.Greeting{Store: f.uint64(), Number: f.uint64(), Founding: f.uint64()}
}

// meet judges a caller. Without an answer that refuses it, it may come in.
func (e *endpoint) meet(address string, h hello) (greetings.Meeting, *answer) {
	if (h.greeting != transport.Greeting{} || h.expected != 0) && !e.Book.Ready() {
		a := e.answer(codeNotReady, greetings.ErrNotReady)
		return greetings.Meeting{}, &a
	}
	said, refusal := e.Book.Call(h.from, h.greeting, h.expected)
	if refusal == nil {
		return greetings.Meeting{Peer: h.greeting, Said: said}, nil
	}
	e.Reach.Failed(h.from, address, refusal.Mismatch)
	a := e.answer(codeMismatch, greetings.ErrMismatch)
	a.greeting, a.misfit, a.known = said, misfit(refusal.Reason), refusal.Known
	if refusal.NotMeant {
		a.misfit, a.known = misfitExpected, 0
	}
	return greetings.Meeting{}, &a
}

// mismatch reads a refusal. The peer's word is taken only for what it can know:
// whether it is the one that is expected is judged here.
func (d *dialler) mismatch(a answer, said transport.Greeting) error {
	book := d.peer.e.Book
	reason := transport.MismatchReason(a.misfit)
	switch {
	case a.misfit == misfitExpected:
		if m := book.Meet(d.peer.id, a.greeting); m != nil {
			return m
		}
	case reason >= transport.MismatchStore && reason <= transport.MismatchNumber:
		m := &transport.Mismatch{Reason: reason, Own: said, Peer: a.greeting, Known: a.known}
		book.Refused(d.peer.id, m)
		return m
	}
	return fmt.Errorf("%w: %d: %q", greetings.ErrMismatch, a.misfit, a.text)
}

// keep ends a link that was made with what does not hold any more: the book
// has changed before the link could be found.
func (l *link) keep() {
	l.peer.e.Book.Named(l.peer.id)
	if !l.peer.e.Book.Stands(l.peer.id, l.met.Peer, l.met.Said) {
		l.fail(closeMismatch, errRenewed)
	} else if l.met.Said != l.peer.e.Book.Self() {
		wake.Up(l.renamed)
	}
}

// greeted judges what the peer says of itself while the connection stands.
func (l *link) greeted(g transport.Greeting) error {
	if m := l.peer.e.Book.Meet(l.peer.id, g); m != nil {
		return m
	}
	return nil
}

// renew ends the connection to a peer, which makes a new one, and makes a
// dialler that waits try again.
func (p *peer) renew() {
	if l := p.link.Load(); l != nil {
		l.fail(closeMismatch, errRenewed)
	}
	wake.Up(p.kick)
}

// announceSelf makes the link say what this node is called now.
func (p *peer) announceSelf() {
	if l := p.link.Load(); l != nil {
		wake.Up(l.renamed)
	}
}

// causes are this backend's own reasons why a peer is not reached.
func causes() []reach.Cause {
	return []reach.Cause{
		{Err: errIncompatible, Word: "version"},
		{Err: errOtherCluster, Word: "other_cluster"},
		{Err: errNotForMe, Word: "other_member"},
		{Err: errAnotherMember, Word: "other_member"},
		{Err: errRefused, Word: "refused"},
		{Err: errTLS, Word: "tls"},
	}
}
