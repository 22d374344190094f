package connections

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/sendqueue"
)

const (
	laneControl  = "control" // what must not wait for the rest
	laneBulk     = "bulk"
	laneSnapshot = "snapshot"

	redial = 100 * time.Millisecond
)

// A peer is another member, with a connection for each lane.
type peer struct {
	n     *node
	id    uint64
	ctx   context.Context // ends with the peer
	end   context.CancelFunc
	lanes map[string]*lane
	urls  peerurls.Picker
}

// A lane is what one connection at a time is for.
type lane struct {
	name  string
	queue atomic.Pointer[sendqueue.Queue] // of the connection that stands
	kick  chan struct{}                   // has a token when it is worth to dial at once
}

// newPeer needs n.mu, and a node that has not ended.
func (n *node) newPeer(id uint64) *peer {
	p := &peer{n: n, id: id, lanes: map[string]*lane{}}
	p.ctx, p.end = context.WithCancel(n.life.Context())
	for _, name := range []string{laneControl, laneBulk} {
		l := &lane{name: name, kick: make(chan struct{}, 1)}
		p.lanes[name] = l
		n.life.Fork(func() { p.keep(l) })
	}
	return p
}

func (p *peer) lane(class pluginv1.MessageClass) *lane {
	if class == pluginv1.MessageClass_CLASS_CONTROL {
		return p.lanes[laneControl]
	}
	return p.lanes[laneBulk]
}

// usable are those of the URLs that the network dials. The error names those that cannot be read.
func (n *node) usable(urls []string) (usable []*url.URL, err error) {
	for _, raw := range urls {
		u, wrong := transport.ParseURL(raw)
		switch {
		case wrong != nil:
			err = errors.Join(err, wrong)
		case slices.Contains(transport.Schemes(n.backend.Info), u.Scheme):
			usable = append(usable, u)
		}
	}
	return usable, err
}

// setURLs takes those that can be used, and says which cannot.
func (p *peer) setURLs(urls []string) error {
	usable, err := p.n.usable(urls)
	p.urls.Set(usable)
	for _, l := range p.lanes {
		wake.Up(l.kick)
	}
	return err
}

// keep dials for a lane whenever it has no connection, as long as there is the peer.
func (p *peer) keep(l *lane) {
	for p.ctx.Err() == nil {
		wait, at := redial, p.urls.Shown()
		link, err := p.dial(p.ctx, l.name)
		if err == nil {
			err = p.use(l, link)
		}
		if p.ctx.Err() != nil {
			return
		}
		if p.n.reach.Failed(p.id, at, err); greetings.Mismatched(err) || errors.Is(err, greetings.ErrRemoved) {
			wait = p.n.opts.Election // the answer will be the same for a while
		}
		select {
		case <-p.ctx.Done():
		case <-l.kick:
		case <-time.After(wait):
		}
	}
}

// dial connects under the URL to use, and greets. The link is the caller's.
func (p *peer) dial(ctx context.Context, lane string) (*link, error) {
	u := p.urls.Pick()
	if u == nil {
		return nil, peerurls.ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second+p.n.opts.Election)
	defer cancel()
	conn, err := p.n.network.Dial(ctx, u)
	if err == nil {
		var l *link
		if l, err = p.greet(ctx, conn, lane); err == nil {
			return l, nil
		}
		_ = conn.Close()
	}
	p.urls.Failed(u)
	return nil, fmt.Errorf("dial %s: %w", u, err)
}

// greet says who this node is, and hears who the peer is.
func (p *peer) greet(ctx context.Context, conn net.Conn, lane string) (*link, error) {
	n := p.n
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	l, err := n.dialledLink(ctx, conn, p.id)
	if err != nil {
		return nil, err
	}
	said := n.book.Self()
	h := hello{Cluster: n.opts.ClusterID, From: n.opts.NodeID, To: p.id, Lane: lane, Greeting: said, Expected: n.book.Expected(p.id)}
	if err := writeJSON(l.conn, frameHello, h); err != nil {
		return nil, err
	}
	var a answer
	if err := n.readJSON(l.r, frameAnswer, &a); err != nil {
		return nil, err
	}
	err = n.judgeAnswer(p.id, said, a)
	var removed *greetings.RemovedError
	if errors.As(err, &removed) {
		n.tell(transport.Event{Type: pluginv1.EventType_EVENT_REMOVED, Peer: p.id, Index: removed.Proof.Index, Term: removed.Proof.Term})
	}
	l.peer, l.lane, l.met, l.said = p.id, lane, a.Greeting, said
	return l, err
}

// use sends over a connection until it ends. The messages that wait for it then are lost with
// it: on the
// next one they would be outdated.
func (p *peer) use(l *lane, link *link) error {
	n := p.n
	defer link.conn.Close()
	defer context.AfterFunc(p.ctx, func() { _ = link.conn.Close() })()
	if _, err := n.stand(link); err != nil {
		return err
	}
	defer n.hold(link)()
	n.reach.Reached(p.id)
	link.conn.limit = silence
	queue := sendqueue.New(queueBytes)
	l.queue.Store(queue)
	heard := make(chan error, 1)
	n.life.Fork(func() { heard <- p.hear(link) })
	err := p.send(link, queue, heard)
	l.queue.Store(nil)
	queue.Close()
	_ = link.conn.Close()
	n.lost(p.id, fmt.Sprintf("the connection ended: %v", err))
	n.leave(link)
	return err
}

// hear waits for the heartbeats that come back.
func (p *peer) hear(link *link) error {
	for {
		kind, _, err := p.n.readHead(link.r)
		if err == nil && kind != frameHeartbeat {
			err = fmt.Errorf("a frame of kind %q instead of a heartbeat", kind)
		}
		if err != nil {
			return err
		}
	}
}

// send writes what is queued, heartbeats, and what this node has to say of itself.
func (p *peer) send(link *link, queue *sendqueue.Queue, heard <-chan error) error {
	w := bufio.NewWriterSize(link.conn, pieceBytes)
	beat := time.NewTicker(silence / 4)
	defer beat.Stop()
	var spare []transport.Envelope
	for {
		err := w.Flush()
		if err != nil {
			return err
		}
		select {
		case err = <-heard:
		case <-p.ctx.Done():
			err = context.Cause(p.ctx)
		case <-beat.C:
			err = writeFrame(w, frameHeartbeat, nil)
		case <-link.renamed:
			err = p.rename(w, link)
		case <-queue.Wake():
			spare, err = queue.Drain(spare, func(batch []transport.Envelope) error { return writeMessages(w, batch) })
		}
		if err != nil {
			return err
		}
	}
}

func (p *peer) rename(w *bufio.Writer, link *link) error {
	self := p.n.book.Self()
	if self == link.said {
		return nil
	}
	link.said = self
	return writeJSON(w, frameGreeting, self)
}

func writeMessages(w *bufio.Writer, batch []transport.Envelope) error {
	for i := range batch {
		body, err := batch[i].Marshal()
		if err == nil {
			err = writeFrame(w, frameMessage, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
