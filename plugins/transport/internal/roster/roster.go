// Package roster keeps the peers of a transport: members that its host has named, and
// members that have called.
package roster

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A Peer is what a backend has of another member. The roster calls these methods
// while it changes, Stop excepted: they do not wait, and do not call the roster.
type Peer interface {
	comparable
	// Keep tells whether the peer can stay now that the host names it, as remote or
	// not; learned says that it has only called so far. Otherwise a new peer takes
	// its place.
	Keep(remote, learned bool) bool
	// SetURLs replaces what the peer can be reached under.
	SetURLs(urls []*url.URL)
	// Start begins to make connections. It is called once, when the host has named
	// the peer.
	Start()
	// Stop ends everything that belongs to the peer, without waiting for that.
	Stop()
}

// Rules are what the backend decides of a roster.
type Rules[P Peer] struct {
	// Self is this node.
	Self uint64
	// URLs reads the URLs of a peer that the host has named; it returns the URLs that can
	// be used, and an error for the others.
	URLs func(transport.Peer) ([]*url.URL, error)
	// New makes a peer, which is not started.
	New func(id uint64, remote bool) P
	// Heard tells whether a peer that has only called may stay.
	Heard func(id uint64) bool
}

// A Roster has the peers. Any goroutine may call its methods at any time.
type Roster[P Peer] struct {
	rules Rules[P]

	mu      sync.Mutex // guards closed and changes of the sets
	closed  bool
	named   atomic.Pointer[map[uint64]P]
	removed atomic.Pointer[map[uint64]transport.RemovedMember]
	learned map[uint64]learned[P] // needs mu
}

// New returns an empty roster.
func New[P Peer](rules Rules[P]) *Roster[P] {
	r := &Roster[P]{rules: rules, learned: map[uint64]learned[P]{}}
	r.named.Store(&map[uint64]P{})
	r.removed.Store(&map[uint64]transport.RemovedMember{})
	return r
}

// Members are the ids of the members that the host names in a set.
func Members(set transport.PeerSet) map[uint64]bool {
	members := make(map[uint64]bool, len(set.Peers))
	for _, p := range set.Peers {
		members[p.Id] = true
	}
	return members
}

// Named are the peers that the host has named. The map must not be changed.
func (r *Roster[P]) Named() map[uint64]P { return *r.named.Load() }

// Knows tells whether the host has named the member.
func (r *Roster[P]) Knows(id uint64) bool {
	_, ok := r.Named()[id]
	return ok
}

// Removed is the proof that a member was removed, if it was.
func (r *Roster[P]) Removed(id uint64) (transport.RemovedMember, bool) {
	m, ok := (*r.removed.Load())[id]
	return m, ok
}

// Get returns a peer that was named by the host, or else has been learned; the
// zero value if neither.
func (r *Roster[P]) Get(id uint64) P {
	if p, ok := r.Named()[id]; ok {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.learned[id].peer
}

// All are the peers, learned ones included.
func (r *Roster[P]) All() []P {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all()
}

// all needs r.mu.
func (r *Roster[P]) all() []P {
	all := slices.Collect(maps.Values(r.Named()))
	for _, l := range r.learned {
		all = append(all, l.peer)
	}
	return all
}

// Set makes the roster what the host says, and stops the peers that are left out.
// For members and URLs that cannot be used it returns plugins.ErrInvalidArgument, and
// takes the others. After Close it returns plugins.ErrClosed.
func (r *Roster[P]) Set(set transport.PeerSet) error {
	gone, err := r.reconcile(set)
	for _, p := range gone {
		p.Stop()
	}
	return err
}

// reconcile returns the peers that are to be stopped.
func (r *Roster[P]) reconcile(set transport.PeerSet) (gone []P, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, plugins.ErrClosed
	}
	var errs []error
	before := r.Named()
	next := make(map[uint64]P, len(set.Peers))
	for _, member := range set.Peers {
		if _, twice := next[member.Id]; twice || member.Id == r.rules.Self {
			errs = append(errs, fmt.Errorf("%w: peer %x is this node or there twice", plugins.ErrInvalidArgument, member.Id))
			continue
		}
		urls, err := r.rules.URLs(member)
		errs = append(errs, err)
		p := r.place(member)
		p.SetURLs(urls)
		next[member.Id] = p
	}
	r.named.Store(&next)
	r.remember(set.Removed)
	for id, p := range next {
		if before[id] != p {
			p.Start()
		}
	}
	for id, p := range before {
		if next[id] != p {
			gone = append(gone, p)
		}
	}
	return append(gone, r.forget()...), errors.Join(errs...)
}

// place is the peer that stands for the member from now on. It needs r.mu.
func (r *Roster[P]) place(member transport.Peer) P {
	if p, ok := r.Named()[member.Id]; ok && p.Keep(member.Remote, false) {
		return p
	}
	if l, ok := r.learned[member.Id]; ok && l.peer.Keep(member.Remote, true) {
		delete(r.learned, member.Id)
		return l.peer
	}
	return r.rules.New(member.Id, member.Remote)
}

// remember adds to the removed members, and forgets a removed member only when it is a
// peer again. It needs r.mu.
func (r *Roster[P]) remember(removed []transport.RemovedMember) {
	all := maps.Clone(*r.removed.Load())
	for _, m := range removed {
		all[m.Id] = m
	}
	for id := range r.Named() {
		delete(all, id)
	}
	r.removed.Store(&all)
}

// Close stops all peers. No others come after that.
func (r *Roster[P]) Close() {
	r.mu.Lock()
	r.closed = true
	all := r.all()
	r.mu.Unlock()
	for _, p := range all {
		p.Stop()
	}
}
