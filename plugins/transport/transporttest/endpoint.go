package transporttest

import (
	"context"
	"fmt"
	"sync"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/vouching"
)

// inboxItems is how many messages and events may wait for a handler.
const inboxItems = 1 << 16

// endpoint is one transport of a Network. Everything but the channels is
// guarded by network.mu.
type endpoint struct {
	network *Network
	wake    chan struct{}
	done    chan struct{} // closed when run has returned

	opts    transport.Options
	handler transport.Handler
	address string
	opened  bool
	closed  bool
	peers   map[uint64]transport.Peer
	removed map[uint64]transport.RemovedMember
	active  map[uint64]bool
	inbox   []item
	book    *greetings.Book
	desk    *vouching.Desk

	receiving map[*incoming]struct{}
	calls     sync.WaitGroup // snapshots being received or sent
}

// item is one thing that waits for the handler: a message, or an event.
type item struct {
	message transport.Envelope
	event   transport.Event
}

func (i *item) isEvent() bool { return i.event.Type != pluginv1.EventType_EVENT_UNSPECIFIED }

var _ transport.Transport = (*endpoint)(nil)

// Describe implements transport.Transport.
func (e *endpoint) Describe() plugins.Info {
	return plugins.Info{
		Kind: plugins.Transport, Name: "memory", Version: "1", Protocols: []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{transport.Scheme("memory"), transport.CapabilityPing},
	}
}

// Open implements transport.Transport.
func (e *endpoint) Open(_ context.Context, opts transport.Options, h transport.Handler) (string, error) {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.closed {
		return "", plugins.ErrClosed
	}
	if e.opened {
		return "", fmt.Errorf("%w: open already", plugins.ErrInvalidArgument)
	}
	e.opts = opts
	address, err := n.register(e, opts.Listen)
	if err != nil {
		return "", err
	}
	e.handler, e.address, e.opened = h, address, true
	e.receiving = map[*incoming]struct{}{}
	e.book = greetings.New(e.note, opts.Election)
	e.desk = vouching.New(opts.Election)
	go e.run()
	n.refresh()
	return address, nil
}

// usable needs network.mu.
func (e *endpoint) usable() error {
	switch {
	case e.closed:
		return plugins.ErrClosed
	case !e.opened:
		return plugins.ErrNotOpen
	}
	return nil
}

// SetPeers implements transport.Transport.
func (e *endpoint) SetPeers(_ context.Context, set transport.PeerSet) error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.usable(); err != nil {
		return err
	}
	e.peers = map[uint64]transport.Peer{}
	if e.removed == nil {
		e.removed = map[uint64]transport.RemovedMember{}
	}
	for _, m := range set.Removed {
		e.removed[m.Id] = m
	}
	for _, p := range set.Peers {
		e.peers[p.Id] = p
		delete(e.removed, p.Id)
	}
	for id := range e.active {
		if _, stays := e.peers[id]; !stays {
			e.setActive(id, false)
		}
	}
	e.desk.Set(set)
	for _, id := range e.book.Set(set) {
		e.network.disconnect(e, id)
	}
	e.network.refresh()
	return nil
}

// Ping implements transport.Pinger.
func (e *endpoint) Ping(_ context.Context, peer transport.Peer) error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.usable(); err != nil {
		return err
	}
	if _, known := e.peers[peer.Id]; !known {
		return transport.ErrUnknownPeer
	}
	there := e.network.reach(e, peer)
	if there == nil {
		return fmt.Errorf("%w: nobody answers under %q", transport.ErrUnreachable, peer.Urls)
	}
	if m := e.book.Judge(peer.Id, there.book.Self()); m != nil {
		return fmt.Errorf("%w: %w", transport.ErrUnreachable, m)
	}
	return nil
}

// Send implements transport.Transport.
func (e *endpoint) Send(_ context.Context, envelopes []transport.Envelope) error {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	if err := e.usable(); err != nil {
		return err
	}
	for _, m := range envelopes {
		e.network.route(e, m)
	}
	return nil
}

// Close implements transport.Transport.
func (e *endpoint) Close(ctx context.Context) error {
	n := e.network
	n.mu.Lock()
	wasOpen, first := e.opened, !e.closed
	e.closed = true
	if first && wasOpen {
		for _, i := range e.inbox {
			if !i.isEvent() {
				n.reportTo(direction{i.message.From, i.message.To}, "the receiver was closed")
			}
		}
		e.inbox = nil
		delete(n.endpoints, e.address)
		for in := range e.receiving {
			in.fail(transport.ErrUnreachable)
		}
		for _, other := range n.endpoints {
			other.breakSnapshots(e.opts.NodeID)
		}
		n.refresh()
	}
	n.mu.Unlock()
	if !wasOpen {
		return nil
	}
	wake.Up(e.wake)
	return e.wait(ctx)
}

func (e *endpoint) wait(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		<-e.done
		e.calls.Wait()
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close transport: %w", ctx.Err())
	}
}

// run passes on what is in the inbox, in order.
func (e *endpoint) run() {
	defer close(e.done)
	for range e.wake {
		e.network.mu.Lock()
		items, closed := e.inbox, e.closed
		e.inbox = nil
		e.network.mu.Unlock()
		e.pass(items)
		if closed {
			return
		}
	}
}

// pass calls the handler once for each run of messages or events.
func (e *endpoint) pass(items []item) {
	for len(items) > 0 {
		var messages []transport.Envelope
		var events []transport.Event
		for len(items) > 0 && !items[0].isEvent() {
			messages = append(messages, items[0].message)
			items = items[1:]
		}
		for len(items) > 0 && items[0].isEvent() {
			events = append(events, items[0].event)
			items = items[1:]
		}
		if len(messages) > 0 {
			e.handler.Deliver(messages)
		}
		if len(events) > 0 {
			e.handler.Notify(events)
		}
	}
}

// push puts something into the inbox. It needs network.mu.
func (e *endpoint) push(i item) {
	if e.closed {
		return
	}
	if !i.isEvent() && len(e.inbox) >= inboxItems {
		e.network.reportTo(direction{i.message.From, i.message.To}, "the receiver's inbox is full")
		return
	}
	e.inbox = append(e.inbox, i)
	wake.Up(e.wake)
}

// report tells the handler that the peer did not get something. A report that
// is last in the inbox already stands for this one too. It needs network.mu.
func (e *endpoint) report(peer uint64, detail string) {
	event := transport.Event{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: peer, Detail: detail}
	if n := len(e.inbox); n > 0 && e.inbox[n-1].event == event {
		return
	}
	e.push(item{event: event})
}

// setActive needs network.mu.
func (e *endpoint) setActive(peer uint64, active bool) {
	if e.active[peer] == active {
		return
	}
	kind := pluginv1.EventType_EVENT_INACTIVE
	if active {
		kind = pluginv1.EventType_EVENT_ACTIVE
	}
	e.active[peer] = active
	e.push(item{event: transport.Event{Type: kind, Peer: peer}})
}

// refuses tells a removed member so and reports whether it is one. It needs
// network.mu.
func (e *endpoint) refuses(from *endpoint) bool {
	m, removed := e.removed[from.opts.NodeID]
	if removed {
		from.push(item{event: transport.Event{
			Type: pluginv1.EventType_EVENT_REMOVED, Peer: e.opts.NodeID, Index: m.Index, Term: m.Term,
		}})
	}
	return removed
}

// forget drops the messages from one sender that wait here. It needs
// network.mu.
func (e *endpoint) forget(from uint64) int {
	lost := 0
	kept := e.inbox[:0]
	for _, i := range e.inbox {
		if !i.isEvent() && i.message.From == from {
			lost++
			continue
		}
		kept = append(kept, i)
	}
	e.inbox = kept
	return lost
}

// limit is the largest message.
func (e *endpoint) limit() int {
	if l := e.opts.Limits; l != (plugins.Limits{}) {
		return l.MaxMessageBytes()
	}
	return plugins.DefaultLimits().MaxMessageBytes()
}
