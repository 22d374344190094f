package quictransport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
)

// A dialler makes a connection to its peer whenever there is none.
type dialler struct {
	peer *peer

	insist  bool // the peer said "connected already", and it is not so
	refused bool // the peer will not have this node, and that was said
	tries   int  // of the addresses of a host with several
}

// Start implements roster.Peer. It starts the peer's dialler unless there is one.
func (p *peer) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dialling || p.stopped {
		return
	}
	p.dialling = true
	d := &dialler{peer: p}
	p.e.Life.Go(func() { d.run(p.ctx) })
}

func (d *dialler) run(ctx context.Context) {
	p, t := d.peer, d.peer.e.timing
	for d.needed(ctx) {
		started := time.Now()
		err := d.dial(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := t.Again()
		if p.remote.Load() {
			wait = max(t.Knock, wait)
		}
		if err != nil {
			d.log(err)
			if p.e.Refused(p, err) {
				wait = t.Removed
			}
			p.dialFailed(err)
		}
		if !d.pause(ctx, started, wait) {
			return
		}
	}
}

// needed waits until the peer has no link. The node with the higher id then
// gives the peer a moment to dial first, so that both seldom do at one time.
func (d *dialler) needed(ctx context.Context) bool {
	p := d.peer
	for {
		if !d.unlinked(ctx) {
			return false
		}
		if p.e.self.node < p.id {
			return true
		}
		if !d.pause(ctx, time.Now(), p.e.timing.Redial) {
			return false
		}
		if p.link.Load() == nil {
			return true
		}
	}
}

func (d *dialler) unlinked(ctx context.Context) bool {
	p := d.peer
	for {
		p.mu.Lock()
		l, changed := p.link.Load(), p.changed
		p.mu.Unlock()
		if l == nil {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// pause waits until so long after started. A caller that wants a connection
// shortens that to the least time between two dials.
func (d *dialler) pause(ctx context.Context, started time.Time, wait time.Duration) bool {
	timer := time.NewTimer(wait - time.Since(started))
	defer timer.Stop()
	kick := d.peer.kick
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-kick:
			kick = nil
			timer.Reset(min(wait, d.peer.e.timing.Redial) - time.Since(started))
		}
	}
}

func (d *dialler) log(err error) {
	d.tell(err)
	log := d.peer.e.Logger.With("peer", formatID(d.peer.id), "error", err)
	if misconfigured(err) && !d.refused {
		log.Error("peer and this node do not belong together: check cluster.id, node.id, cluster.members and certificates of both")
	} else {
		log.Debug("dialling a peer failed")
	}
	d.refused = misconfigured(err)
}

// tell notes why the peer cannot be reached. One that says "connected already"
// has been.
func (d *dialler) tell(err error) {
	switch {
	case errors.Is(err, errConnected):
		return
	case badHandshake(err) && peertls.Reason(err) == "":
		err = fmt.Errorf("%w: %w", errTLS, err)
	}
	d.peer.e.Reach.Failed(d.peer.id, d.peer.urls.Shown(), err)
}

// misconfigured reports whether trying again will not help.
func misconfigured(err error) bool {
	for _, known := range []error{errOtherCluster, errNotForMe, errIncompatible, errAnotherMember, errRefused} {
		if errors.Is(err, known) {
			return true
		}
	}
	return badHandshake(err)
}

func badHandshake(err error) bool {
	var failed *quic.TransportError
	return errors.As(err, &failed) && failed.ErrorCode.IsCryptoError()
}

// dial tries one URL. It does not fail if the peer has been faster.
func (d *dialler) dial(ctx context.Context) error {
	p := d.peer
	u := p.urls.Pick()
	if u == nil {
		return peerurls.ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, p.e.timing.Dial)
	defer cancel()
	said := p.e.Book.Self()
	conn, a, err := d.connect(ctx, u, d.hello(said))
	if p.link.Load() != nil && (err != nil || errors.Is(a.err(p.e.self.node), errConnected)) {
		closeConn(conn, closeReplaced, errReplaced)
		return nil
	}
	if err == nil {
		err = d.judge(a, said)
	}
	if err != nil {
		closeConn(conn, closeRefused, err)
		d.insist = errors.Is(err, errConnected)
		p.urls.Failed(u)
		return fmt.Errorf("dial %s: %w", u, err)
	}
	d.insist = false
	return d.begin(conn, a, greetings.Meeting{Peer: a.greeting, Said: said})
}

// begin makes the connection the peer's link, if it is still wanted.
func (d *dialler) begin(conn *quic.Conn, a answer, met greetings.Meeting) error {
	p := d.peer
	l := newLink(p, conn, p.e.self.node, a.run, true, met)
	if err := p.adopt(l); err != nil {
		closeConn(conn, closeReplaced, err)
		return nil
	}
	p.e.Life.Fork(l.run)
	return nil
}

// judge refuses answers other than a welcome, and those of another member.
func (d *dialler) judge(a answer, said transport.Greeting) error {
	e := d.peer.e
	if a.code == codeMismatch && a.cluster == e.self.cluster && a.from == d.peer.id {
		return d.mismatch(a, said)
	}
	if err := a.err(e.self.node); err != nil {
		return err
	}
	switch {
	case a.cluster != e.self.cluster:
		return fmt.Errorf("%w: the peer is in cluster %x, this node in %x", errOtherCluster, a.cluster, e.self.cluster)
	case a.from != d.peer.id:
		return fmt.Errorf("%w: %x instead of %x", errAnotherMember, a.from, d.peer.id)
	}
	if m := e.Book.Meet(d.peer.id, a.greeting); m != nil {
		return m
	}
	return nil
}

// hello is what the dialler says of this node, which is said.
func (d *dialler) hello(said transport.Greeting) hello {
	self := d.peer.e.self
	return hello{
		version: protocolVersion, oldest: oldestVersion, cluster: self.cluster, from: self.node, to: d.peer.id,
		run: self.run, insist: d.insist, urls: self.urls,
		greeting: said, expected: d.peer.e.Book.Expected(d.peer.id),
	}
}

// connect makes a connection and greets. The connection may be there even if
// there is an error.
func (d *dialler) connect(ctx context.Context, u *url.URL, h hello) (*quic.Conn, answer, error) {
	address, err := d.resolve(ctx, u)
	if err != nil {
		return nil, answer{}, err
	}
	return d.peer.call(ctx, address, h)
}

// call is connect at one address.
func (p *peer) call(ctx context.Context, address net.Addr, h hello) (*quic.Conn, answer, error) {
	conn, err := p.e.quic.Dial(ctx, address, p.e.security.client(p.id), p.e.quicConfig())
	if err != nil {
		return nil, answer{}, err
	}
	p.e.security.hold(conn)
	a, err := greet(ctx, conn, h)
	return conn, a, err
}

// greet says Hello and returns the Answer.
func greet(ctx context.Context, conn *quic.Conn, h hello) (answer, error) {
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return answer{}, err
	}
	if end, ok := ctx.Deadline(); ok {
		_ = stream.SetDeadline(end)
	}
	defer context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })()
	if err := writeGreeting(stream, []byte{byte(streamGreeting)}, h.encode()); err != nil {
		return answer{}, err
	}
	_ = stream.Close()
	b, err := readGreeting(stream)
	stream.CancelRead(streamErrorStop)
	if err != nil {
		return answer{}, err
	}
	return decodeAnswer(b)
}

// resolve looks up the URL's host. With several addresses, each dial takes
// the next one.
func (d *dialler) resolve(ctx context.Context, u *url.URL) (net.Addr, error) {
	usable, err := d.peer.e.addresses(ctx, u)
	if err != nil {
		return nil, err
	}
	d.tries++
	return usable[d.tries%len(usable)], nil
}
