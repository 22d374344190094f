package transporttest

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// recorder is a Handler that keeps what it gets.
type recorder struct {
	patience time.Duration

	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, with every change
	messages []transport.Envelope
	seen     map[string]int // messages, by meaning, and how often they came
	events   []transport.Event
	greeted  map[uint64]bool // peers whose greeting was told
	strange  int             // messages that came before it
	calls    int             // that are running
	closed   bool            // Close has returned: no call may come
	late     int             // calls that came all the same

	deliver func([]transport.Envelope) // if set, called in Deliver
	receive func(context.Context, transport.SnapshotHeader, io.Reader) error
}

func newRecorder(patience time.Duration) *recorder {
	return &recorder{patience: patience, changed: make(chan struct{}), seen: map[string]int{}, greeted: map[uint64]bool{}}
}

// change runs f with the recorder locked and wakes those who wait.
func (r *recorder) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) enter() {
	r.change(func() {
		r.calls++
		if r.closed {
			r.late++
		}
	})
}

func (r *recorder) leave() { r.change(func() { r.calls-- }) }

// Deliver implements transport.Handler.
func (r *recorder) Deliver(envelopes []transport.Envelope) {
	r.enter()
	defer r.leave()
	r.mu.Lock()
	hook := r.deliver
	r.mu.Unlock()
	if hook != nil {
		hook(envelopes)
	}
	r.change(func() {
		r.messages = append(r.messages, envelopes...)
		for _, m := range envelopes {
			r.seen[meaning(m.Payload)]++
			if !r.greeted[m.From] {
				r.strange++
			}
		}
	})
}

// Notify implements transport.Handler.
func (r *recorder) Notify(events []transport.Event) {
	r.enter()
	defer r.leave()
	r.change(func() {
		r.events = append(r.events, events...)
		for _, e := range events {
			if e.Type == pluginv1.EventType_EVENT_GREETED {
				r.greeted[e.Peer] = true
			}
		}
	})
}

// ReceiveSnapshot implements transport.Handler.
func (r *recorder) ReceiveSnapshot(ctx context.Context, header transport.SnapshotHeader, body io.Reader) error {
	r.enter()
	defer r.leave()
	r.mu.Lock()
	receive := r.receive
	r.mu.Unlock()
	return receive(ctx, header, body)
}

// await waits until done, which is asked with the recorder unlocked after
// every change. nudge, if not nil, is called now and then until it is so.
func (r *recorder) await(t *testing.T, what string, done func() bool, nudge func()) {
	t.Helper()
	end := time.NewTimer(r.patience)
	defer end.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-again.C:
			if nudge != nil {
				nudge()
			}
		case <-end.C:
			t.Fatalf("waited %v for %s", r.patience, what)
		}
	}
}

// has reports whether the message has arrived, with everything that belongs
// to it.
func (r *recorder) has(m transport.Envelope) bool { return r.times(m) > 0 }

// hasAll reports whether all of the messages have arrived.
func (r *recorder) hasAll(messages []transport.Envelope) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		if r.seen[meaning(m.Payload)] == 0 {
			return false
		}
	}
	return true
}

// times is how often the message has arrived.
func (r *recorder) times(m transport.Envelope) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[meaning(m.Payload)]
}

// received returns the messages so far.
func (r *recorder) received() []transport.Envelope {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]transport.Envelope(nil), r.messages...)
}

// unannounced is how many messages came before their sender's greeting.
func (r *recorder) unannounced() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.strange
}

// count is the number of events for which match is true.
func (r *recorder) count(match func(transport.Event) bool) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if match(e) {
			n++
		}
	}
	return n
}

// onSnapshot sets what happens with the snapshots that arrive.
func (r *recorder) onSnapshot(f func(context.Context, transport.SnapshotHeader, io.Reader) error) {
	r.change(func() { r.receive = f })
}
