// Package report passes what a transport backend has to say to its host.
package report

import (
	"slices"
	"sync"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A Reporter passes events to the host from a goroutine of its own, so that a
// report neither holds up the host nor waits for it. An event that is still
// waiting swallows a newer equal one, and an activity event replaces an older
// one of the same peer: the reports that wait are bounded by the number of
// peers. All methods but Close may be called at any time by anyone.
type Reporter struct {
	notify func([]transport.Event)
	wake   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	pending []transport.Event
	closed  bool
}

// New starts a reporter that calls notify. It ends with Close.
func New(notify func([]transport.Event)) *Reporter {
	r := &Reporter{notify: notify, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go r.run()
	return r
}

// Unreachable says that a message to the peer was dropped or may be lost.
func (r *Reporter) Unreachable(peer uint64, detail string) {
	r.add(transport.Event{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: peer, Detail: detail})
}

// Activity says that the peer can, or can no longer, be reached.
func (r *Reporter) Activity(peer uint64, active bool) {
	kind := pluginv1.EventType_EVENT_INACTIVE
	if active {
		kind = pluginv1.EventType_EVENT_ACTIVE
	}
	r.add(transport.Event{Type: kind, Peer: peer})
}

// Removed says that the peer holds this node for removed, with its proof.
func (r *Reporter) Removed(peer uint64, proof transport.RemovedMember) {
	r.add(transport.Event{
		Type: pluginv1.EventType_EVENT_REMOVED, Peer: peer, Index: proof.Index, Term: proof.Term,
		Detail: "peer says that this member was removed",
	})
}

func (r *Reporter) add(e transport.Event) {
	r.mu.Lock()
	r.push(e)
	r.mu.Unlock()
	wake.Up(r.wake)
}

func (r *Reporter) push(e transport.Event) {
	if isActivity(e) {
		r.pending = slices.DeleteFunc(r.pending, func(old transport.Event) bool {
			return isActivity(old) && old.Peer == e.Peer
		})
	} else if slices.ContainsFunc(r.pending, func(old transport.Event) bool {
		return old.Type == e.Type && old.Peer == e.Peer
	}) {
		return
	}
	r.pending = append(r.pending, e)
}

func isActivity(e transport.Event) bool {
	return e.Type == pluginv1.EventType_EVENT_ACTIVE || e.Type == pluginv1.EventType_EVENT_INACTIVE
}

func (r *Reporter) run() {
	defer close(r.done)
	for range r.wake {
		r.mu.Lock()
		events, closed := r.pending, r.closed
		r.pending = nil
		r.mu.Unlock()
		if len(events) > 0 {
			r.notify(events)
		}
		if closed {
			return
		}
	}
}

// Close passes on what waits and returns when the host has it.
func (r *Reporter) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	wake.Up(r.wake)
	<-r.done
}
