package quictransport

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
)

var errNoConnection = errors.New("no connection to the peer")

// peer is another member, with at most one link at a time.
type peer struct {
	e      *endpoint
	id     uint64
	urls   peerurls.Picker
	remote atomic.Bool // known by hearsay: knocked at, not urged
	facts  facts

	ctx    context.Context // ends with the peer
	cancel context.CancelFunc
	kick   chan struct{}        // holds a token while a caller wants a connection now
	link   atomic.Pointer[link] // the one that messages go to; changes need mu

	mu       sync.Mutex
	stopped  bool
	dialling bool          // there is a dialler
	changed  chan struct{} // closed, and replaced, when link changes or a dial has failed
	failures int           // of all dials so far
	failure  error         // the last one
}

func (e *endpoint) newPeer(id uint64, remote bool) *peer {
	p := &peer{e: e, id: id, kick: make(chan struct{}, 1), changed: make(chan struct{})}
	p.remote.Store(remote)
	p.ctx, p.cancel = context.WithCancel(e.Life.Context())
	return p
}

// Keep implements roster.Peer: the connection stays, also of a peer that becomes
// remote.
func (p *peer) Keep(remote, _ bool) bool {
	p.remote.Store(remote)
	return true
}

// ID implements shell.Peer.
func (p *peer) ID() uint64 { return p.id }

// Context implements shell.Peer.
func (p *peer) Context() context.Context { return p.ctx }

// Living implements shell.Peer. A snapshot goes by a stream, which ends with its
// connection anyway.
func (p *peer) Living() context.Context { return p.ctx }

// SetURLs implements roster.Peer.
func (p *peer) SetURLs(urls []*url.URL) { p.urls.Set(urls) }

func formatID(id uint64) string { return strconv.FormatUint(id, 16) }

// Stop implements roster.Peer.
func (p *peer) Stop() {
	p.mu.Lock()
	p.stopped = true
	l := p.link.Load()
	p.mu.Unlock()
	p.cancel()
	if l != nil {
		l.fail(closeNoPeer, errNoLongerPeer)
	}
}

// Send puts a message into one of the link's queues, or reports it.
func (p *peer) Send(m transport.Envelope) {
	if m.Class == pluginv1.MessageClass_CLASS_SNAPSHOT {
		p.drop("a snapshot message must not be sent without its snapshot")
		return
	}
	l := p.link.Load()
	if l == nil {
		p.drop(errNoConnection.Error())
		return
	}
	kind := kindOf(m.Class)
	switch l.channel(kind).queue.Put(m) {
	case sendqueue.Accepted:
		p.facts.queued[kind.channelIndex()].Add(uint64(len(m.Payload)))
	case sendqueue.Full:
		p.drop("the stream's queue is full")
	case sendqueue.Closed:
		p.drop("the connection ended")
	}
}

func (p *peer) drop(why string) {
	p.facts.Dropped.Add(1)
	p.e.Reporter.Unreachable(p.id, why)
}

// adopt makes l the peer's link, unless the one that stands is better. The one
// before it ends; l begins when it has. A caller that gets nil must run l.
func (p *peer) adopt(l *link) error {
	old, err := p.replace(l)
	if old != nil {
		old.fail(closeReplaced, errReplaced)
	}
	if err == nil {
		p.e.Reach.Reached(p.id)
		l.keep()
	}
	return err
}

func (p *peer) replace(l *link) (old *link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old = p.link.Load()
	switch {
	case p.stopped:
		return nil, errNoLongerPeer
	case old != nil && !l.betterThan(old):
		return nil, errConnected
	}
	l.before = old
	p.link.Store(l)
	p.count(1)
	p.announce()
	return old, nil
}

// detach undoes adopt.
func (p *peer) detach(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link.CompareAndSwap(l, nil)
	p.count(-1)
	p.announce()
}

// count adds to the links, of which all but one are ending.
func (p *peer) count(delta int) {
	p.facts.Count(delta, func(active bool) { p.e.Reporter.Activity(p.id, active) })
}

// announce wakes those who wait for a change. It needs p.mu.
func (p *peer) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// dialFailed notes that a dial has failed.
func (p *peer) dialFailed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	p.failure = err
	p.announce()
}

// await returns the link, and waits for one if there is none: until every URL
// has failed, or the peer has said that this node was removed.
func (p *peer) await(ctx context.Context) (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.failures
	for {
		l := p.link.Load()
		failed := p.failures - before
		switch {
		case l != nil && l.conn.Context().Err() == nil:
			return l, nil
		case l == nil && (p.stopped || !p.dialling):
			return nil, errNoConnection
		case failed > 0 && (failed >= p.urls.Count() || errors.Is(p.failure, greetings.ErrRemoved) || greetings.Mismatched(p.failure)):
			return nil, p.failure
		}
		changed := p.changed
		p.mu.Unlock()
		err := p.awaitChange(ctx, changed)
		p.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
}

func (p *peer) awaitChange(ctx context.Context, changed <-chan struct{}) error {
	wake.Up(p.kick)
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ctx.Done():
		return errNoLongerPeer
	}
}

// waiting is how many messages wait for a stream.
func (p *peer) waiting(kind streamKind) int {
	if l := p.link.Load(); l != nil {
		return l.channel(kind).queue.Length()
	}
	return 0
}
