package httptransport

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
)

// A streamKind is one of the two streams that go each way between two peers.
type streamKind int

const (
	messageStream streamKind = iota
	appendStream
	streamKinds
)

// path is the last part but one of the stream's URL.
func (k streamKind) path() string {
	if k == appendStream {
		return "msgapp"
	}
	return "message"
}

// smallAppend is the largest append that may use the message stream while
// the append stream is down: more would hold up control messages.
const smallAppend = 32 << 10

// peer is another member. A remote one has a pipeline and nothing else.
type peer struct {
	e        *endpoint
	id       uint64
	remote   bool
	urls     peerurls.Picker
	clients  *clients
	pipeline *pipeline
	writers  [streamKinds]atomic.Pointer[streamWriter]
	facts    facts
	old      *oldTerms // nil unless peers may be old

	ctx    context.Context // ends with the peer
	cancel context.CancelFunc

	mu      sync.Mutex
	life    context.Context // of connections; replaced by renew
	end     context.CancelFunc
	stopped bool
	reached bool // the last POST of a remote peer got through
}

func (e *endpoint) newPeer(id uint64, remote bool) *peer {
	p := &peer{e: e, id: id, remote: remote, clients: newClients(e.timing, e.security, id)}
	p.ctx, p.cancel = context.WithCancel(e.Life.Context())
	p.life, p.end = context.WithCancel(p.ctx)
	p.pipeline = &pipeline{peer: p}
	if e.config.OldPeers && !remote {
		p.old = newOldTerms()
	}
	return p
}

// Keep implements roster.Peer. The parts of a peer depend on whether it is
// remote, and one that has only called was not started as such.
func (p *peer) Keep(remote, learned bool) bool { return !learned && p.remote == remote }

// ID implements shell.Peer.
func (p *peer) ID() uint64 { return p.id }

// Context implements shell.Peer.
func (p *peer) Context() context.Context { return p.ctx }

// SetURLs implements roster.Peer.
func (p *peer) SetURLs(urls []*url.URL) { p.urls.Set(urls) }

// Start implements roster.Peer. It begins to dial the peer's streams.
func (p *peer) Start() {
	p.e.Life.Go(func() { prober{p}.run(p.ctx) })
	if p.remote {
		return
	}
	for kind := range streamKinds {
		r := &streamReader{peer: p, kind: kind}
		p.e.Life.Go(func() { r.run(p.ctx) })
	}
}

// Stop implements roster.Peer.
func (p *peer) Stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.cancel()
	p.pipeline.close()
	p.clients.close()
}

// Send puts a message into one of the peer's queues, or reports it.
func (p *peer) Send(m transport.Envelope) {
	if p.old != nil {
		p.old.sent(m.Payload)
	}
	kind := messageStream
	switch m.Class {
	case pluginv1.MessageClass_CLASS_SNAPSHOT:
		p.drop("a snapshot message must not be sent without its snapshot")
		return
	case pluginv1.MessageClass_CLASS_APPEND:
		kind = appendStream
	}
	if p.enqueue(kind, m) {
		return
	}
	if kind == appendStream && len(m.Payload) <= smallAppend && p.enqueue(messageStream, m) {
		return
	}
	if p.pipeline.put(m) {
		p.facts.posted.Add(uint64(len(m.Payload)))
	} else {
		p.drop("no stream, and the pipeline is full")
	}
}

func (p *peer) drop(why string) {
	p.facts.Dropped.Add(1)
	p.e.Reporter.Unreachable(p.id, why)
}

// enqueue reports whether the stream has taken care of the message: it will
// Send it, or it had no room for it and said so.
func (p *peer) enqueue(kind streamKind, m transport.Envelope) bool {
	w := p.writers[kind].Load()
	if w == nil || !w.takes(m.Payload) {
		return false
	}
	switch w.queue.Put(m) {
	case sendqueue.Accepted:
		p.facts.stream[kind].Add(uint64(len(m.Payload)))
		return true
	case sendqueue.Full:
		p.drop("the stream's queue is full")
		return true
	default:
		return false
	}
}

// attach makes w the peer's stream of its kind and ends the one before it. It
// reports false if the peer is gone.
func (p *peer) attach(w *streamWriter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	if old := p.writers[w.kind].Swap(w); old != nil {
		old.cancel()
	}
	p.count(1)
	return true
}

// detach undoes attach.
func (p *peer) detach(w *streamWriter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writers[w.kind].CompareAndSwap(w, nil)
	p.count(-1)
}

// count adds to the streams with the peer, of both directions.
func (p *peer) count(delta int) {
	p.facts.Count(delta, func(active bool) { p.e.Reporter.Activity(p.id, active) })
}

// waiting is how many messages wait for a stream.
func (p *peer) waiting(kind streamKind) int {
	if w := p.writers[kind].Load(); w != nil {
		return w.queue.Length()
	}
	return 0
}

// posted notes how the last POST went. Only remote peers are judged by it.
func (p *peer) posted(err error) {
	if !p.remote {
		return
	}
	ok := err == nil
	if ok {
		p.e.Reach.Reached(p.id)
	} else {
		p.failed(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok != p.reached {
		p.reached = ok
		p.facts.Active(ok)
		p.e.Reporter.Activity(p.id, ok)
	}
}
