package transportrpc

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	// inboundBytes bounds what waits for the host. Appends and proposals,
	// which are many and which raft sends again, get no more than that;
	// control messages, without which a leader is lost, get
	// inboundControlBytes on top.
	inboundBytes        = 32 << 20
	inboundControlBytes = 8 << 20
	// inboundEvents bounds the events that wait. Reports of the same fact are
	// merged, so that only a backend gone wild reaches it.
	inboundEvents = 4096
	// greetedEvents of them are for greetings alone: a host that was not told
	// one would take the messages after it for those of another sender.
	greetedEvents = 512
	// offerElections is how many election timeouts an offered snapshot waits
	// for the host to take it up.
	offerElections = 10
)

// inbound is the handler that a backend gets: a queue towards the host. It
// never blocks the backend. A waiting delivery is kept as the messages that will
// be sent, each with envelopes first and events after them, so that order is
// kept and nothing is merged twice.
type inbound struct {
	opened *pluginrpc.Opened
	wake   chan struct{} // capacity 1: "there is something to take"
	ended  chan struct{} // closed by close
	drops  *atomic.Uint64

	mu       sync.Mutex
	closed   bool
	why      error // that it is closed
	segments []segment
	spare    []transport.Envelope // recycled, empty
	bytes    int
	events   int
	reported map[report]uint64 // events that wait and need not be said twice, and their messages' numbers
	taken    uint64            // messages taken so far
	broken   map[uint64]uint64 // by peer: the number of the message that says it was last unreachable
	offers   map[uint64]*offer // by number, not taken up yet
	last     uint64            // number of the last offer
}

// segment is one message to be.
type segment struct {
	envelopes []transport.Envelope
	events    []transport.Event
	bytes     int
}

// report identifies an event that says the same however often it is said.
type report struct {
	kind pluginv1.EventType
	peer uint64
}

func newInbound(o *pluginrpc.Opened, drops *atomic.Uint64) *inbound {
	return &inbound{
		opened:   o,
		wake:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
		drops:    drops,
		reported: make(map[report]uint64),
		broken:   make(map[uint64]uint64),
		offers:   make(map[uint64]*offer),
	}
}

var _ transport.Handler = (*inbound)(nil)

// Deliver implements transport.Handler.
func (q *inbound) Deliver(envelopes []transport.Envelope) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	for i := range envelopes {
		q.push(&envelopes[i])
	}
	wake.Up(q.wake)
}

// push adds an envelope or drops it.
func (q *inbound) push(e *transport.Envelope) {
	most := inboundBytes
	if e.Class == pluginv1.MessageClass_CLASS_CONTROL {
		most += inboundControlBytes
	}
	size := len(e.Payload) + envelopeOverhead
	if q.bytes > 0 && q.bytes+size > most { // one that is larger than all room is taken alone
		q.drops.Add(1)
		return
	}
	tail := q.tail()
	if tail == nil || len(tail.events) > 0 || len(tail.envelopes) > 0 && tail.bytes+size > int(q.opened.Limits.BatchBytes()) {
		q.segments = append(q.segments, segment{envelopes: q.spare})
		q.spare = nil
		tail = q.tail()
	}
	tail.envelopes = append(tail.envelopes, *e)
	tail.bytes += size
	q.bytes += size
}

func (q *inbound) tail() *segment {
	if len(q.segments) == 0 {
		return nil
	}
	return &q.segments[len(q.segments)-1]
}

// Notify implements transport.Handler.
func (q *inbound) Notify(events []transport.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	for _, e := range events {
		if len(e.Detail) > maxDetail {
			e.Detail = e.Detail[:maxDetail]
		}
		number := q.report(e)
		if e.Type == pluginv1.EventType_EVENT_UNREACHABLE {
			q.broken[e.Peer] = number
		}
	}
	wake.Up(q.wake)
}

// report adds an event, unless the same report waits already. It returns the
// number of the message that says so.
func (q *inbound) report(e transport.Event) uint64 {
	key := report{e.Type, e.Peer}
	if number, waits := q.reported[key]; waits {
		return number
	}
	most := inboundEvents
	if e.Type != pluginv1.EventType_EVENT_GREETED {
		most -= greetedEvents
	}
	if q.events >= most {
		number := q.taken + uint64(len(q.segments))
		q.drops.Add(1)
		if e.Type == pluginv1.EventType_EVENT_GREETED {
			// Backends say it once: the messages after it must not arrive without it.
			q.end(fmt.Errorf("a greeting of peer %x found no room among %d events that the host has not taken: %w", e.Peer, q.events, plugins.ErrLimit))
		}
		return number
	}
	if q.closed {
		return q.taken
	}
	if len(q.segments) == 0 {
		q.segments = append(q.segments, segment{})
	}
	tail := q.tail()
	tail.events = append(tail.events, e)
	q.events++
	number := q.taken + uint64(len(q.segments))
	if e.Type == pluginv1.EventType_EVENT_UNREACHABLE {
		q.reported[key] = number
	}
	return number
}

// take moves what waits first into m, as one message. It reports whether
// there was anything; recycle gives the envelopes back.
func (q *inbound) take(m *pluginv1.RaftInbound) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.segments) == 0 {
		return false
	}
	s := q.segments[0]
	q.segments[0] = segment{}
	if q.segments = q.segments[1:]; len(q.segments) == 0 {
		q.segments = nil
	}
	q.taken++
	q.bytes -= s.bytes
	q.events -= len(s.events)
	for _, e := range s.events {
		delete(q.reported, report{e.Type, e.Peer})
	}
	m.Envelopes, m.Events = s.envelopes, s.events
	return true
}

// maxSpare bounds the slice that is kept for reuse.
const maxSpare = 4096

// recycle takes back the envelopes of a message that has been encoded.
func (q *inbound) recycle(m *pluginv1.RaftInbound) {
	clear(m.Envelopes) // payloads are not to be held
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spare == nil && cap(m.Envelopes) <= maxSpare {
		q.spare = m.Envelopes[:0]
	}
	m.Envelopes, m.Events = nil, nil
}

// close drops what waits and ends all offers.
func (q *inbound) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.end(plugins.ErrClosed)
}

// reason is why it is closed.
func (q *inbound) reason() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.why
}

// end needs q.mu. The first reason counts.
func (q *inbound) end(why error) {
	if q.closed {
		return
	}
	q.closed, q.why = true, why
	q.segments, q.bytes, q.events = nil, 0, 0
	clear(q.reported)
	clear(q.broken)
	close(q.ended)
}

// offer is a snapshot from a peer that waits for the host.
type offer struct {
	ctx     context.Context
	header  transport.SnapshotHeader
	r       io.Reader
	taken   chan struct{} // closed when a stream has taken it up
	verdict chan error    // capacity 1: from the stream that took it up
}

// ReceiveSnapshot implements transport.Handler: it offers the snapshot to the
// host and waits for the verdict.
func (q *inbound) ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	o := &offer{ctx: ctx, header: header, r: r, taken: make(chan struct{}), verdict: make(chan error, 1)}
	number, err := q.add(o)
	if err != nil {
		return err
	}
	timer := time.NewTimer(offerElections * q.opened.Election)
	defer timer.Stop()
	select {
	case <-o.taken:
	case <-timer.C:
		err = fmt.Errorf("snapshot from %x was not taken up: %w", header.From, context.DeadlineExceeded)
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.ended:
		err = plugins.ErrClosed
	}
	if err != nil && q.withdraw(number) {
		return err
	}
	// The stream that took it up reads r until it gives its verdict; ctx and
	// the end of the queue end that stream.
	return <-o.verdict
}

func (q *inbound) add(o *offer) (uint64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, plugins.ErrClosed
	}
	if len(q.offers) >= maxReceiving {
		return 0, fmt.Errorf("%d snapshots wait for the host: %w", len(q.offers), transport.ErrSnapshotRefused)
	}
	q.last++
	q.offers[q.last] = o
	q.report(transport.Event{Type: pluginv1.EventType_EVENT_SNAPSHOT_OFFERED, Peer: o.header.From, Offer: q.last})
	wake.Up(q.wake)
	return q.last, nil
}

// withdraw takes an offer back; false if it was taken up.
func (q *inbound) withdraw(number uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, waits := q.offers[number]
	delete(q.offers, number)
	return waits
}

// takeUp hands an offer to the stream that asks for it.
func (q *inbound) takeUp(number uint64) (*offer, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	o, ok := q.offers[number]
	if ok {
		delete(q.offers, number)
		close(o.taken)
	}
	return o, ok
}
