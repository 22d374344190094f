// Package greetings keeps what one life of a transport says of its node and has
// seen of others, and decides with it who may talk to whom.
package greetings

import (
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
)

// maxStrangers bounds the members that are remembered without being in the
// host's set. The one unheard of for longest makes room.
const maxStrangers = 64

// A Book has a page for each peer. It calls notify with its lock held, which is
// what brings a greeting to the host before the messages that follow it: the
// host must not call the transport from there. All methods may be called at
// any time by anyone.
type Book struct {
	notify func([]transport.Event)
	quiet  time.Duration // between two equal mismatches of a peer

	mu    sync.Mutex
	ready bool // the host has said who this node is
	alone bool // its set has no members
	self  transport.Greeting
	pages map[uint64]*page
	// told is how many greetings of strangers the host was told of in the window
	// that began at since.
	told  int
	since time.Time
}

// page is what is known of one peer.
type page struct {
	member bool   // it is in the host's set
	named  uint64 // its store, says the host; 0 if it does not
	pinned uint64 // the first store seen of it as a member while the host names none
	last   transport.Greeting
	again  bool // what it said as a stranger is to be told, or told once more
	heard  time.Time
	said   map[line]time.Time
}

// line is a mismatch that need not be told again at once.
type line struct {
	reason  transport.MismatchReason
	verdict transport.MismatchVerdict
}

// New returns a book that tells its events with notify. quiet is the host's
// election timeout.
func New(notify func([]transport.Event), quiet time.Duration) *Book {
	return &Book{notify: notify, quiet: quiet, pages: map[uint64]*page{}}
}

// Set takes what the host says of this node and of others. It returns the peers
// whose connections, if there are some, end: they were made with another store
// of this node, or their greetings do not fit any more.
func (b *Book) Set(set transport.PeerSet) (broken []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	anew := b.self.Store != set.Self.Store
	b.self, b.ready, b.alone = set.Self, true, len(set.Peers) == 0
	stay := roster.Members(set)
	for _, p := range set.Peers {
		b.page(p.Id).name(p.Store)
	}
	for id, p := range b.pages {
		if p.member && !stay[id] {
			delete(b.pages, id)
			continue
		}
		if anew || b.self.Judge(p.last, p.known()) != nil {
			broken = append(broken, id)
		}
	}
	return broken
}

// name notes the store that the host names, or that it names none any more.
func (p *page) name(store uint64) {
	if store == 0 && p.named != 0 {
		p.pinned = 0
	}
	if !p.member {
		p.again = p.last != transport.Greeting{}
	}
	p.member, p.named = true, store
}

func (p *page) known() uint64 {
	if p.named != 0 {
		return p.named
	}
	return p.pinned
}

// Self is what this node says of itself.
func (b *Book) Self() transport.Greeting {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.self
}

// Ready reports whether the host has said who this node is: whether Set was
// called. Until then nothing that this node says of itself means anything.
func (b *Book) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready
}

// Meet judges the greeting of a peer. If it fits, the host has been told of it
// when Meet returns, and messages of the peer may be delivered. Otherwise the
// mismatch has been told, and the peer is refused.
func (b *Book) Meet(peer uint64, g transport.Greeting) *transport.Mismatch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.meet(peer, g, true)
}

// Judge is Meet for a peer that is only asked who it is, maybe where the host does not
// expect it yet: nothing is told, and nothing noted.
func (b *Book) Judge(peer uint64, g transport.Greeting) *transport.Mismatch {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := uint64(0)
	if p := b.pages[peer]; p != nil {
		known = p.known()
	}
	return b.self.Judge(g, known)
}

// meet notes nothing of a peer that fits but will not stay. It needs b.mu.
func (b *Book) meet(peer uint64, g transport.Greeting, stays bool) *transport.Mismatch {
	p := b.page(peer)
	p.heard = time.Now()
	if m := b.self.Judge(g, p.known()); m != nil {
		b.tell(peer, p, m, transport.VerdictJudged)
		return m
	}
	if !stays {
		return nil
	}
	if p.known() == 0 && p.member { // a stranger has acknowledged nothing yet
		p.pinned = g.Store
	}
	if g != p.last || p.again {
		p.last, p.again = g, !p.member && !b.roomToTell(p.heard)
		if !p.again {
			b.notify([]transport.Event{g.Greeted(peer)})
		}
	}
	return nil
}

// roomToTell tells whether the host may hear of one more stranger: of few in a
// while, or callers under ever new names would keep it busy. It needs b.mu.
func (b *Book) roomToTell(now time.Time) bool {
	if now.Sub(b.since) >= b.quiet {
		b.told, b.since = 0, now
	}
	b.told++
	return b.told <= maxStrangers
}

// Named tells the host what a peer said as a stranger, if it has become a member
// since. Backends call it for each peer with a connection after every Set, and for
// one whose connection has just come about: it says nothing more by itself.
func (b *Book) Named(peer uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[peer]; p != nil && p.member && p.again {
		_ = b.meet(peer, p.last, true) // what does not fit is broken by Set
	}
}

// Expected is the store that the peer must say; 0 if any will do. A caller tells
// it with its greeting, so that a peer which is not the one meant knows before
// anything else reaches it.
func (b *Book) Expected(peer uint64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[peer]; p != nil {
		return p.known()
	}
	return 0
}

// A Refusal is why a caller is not heard.
type Refusal struct {
	*transport.Mismatch
	// NotMeant says that the caller expects another store of this node. It will
	// judge the answer itself.
	NotMeant bool
}

// Call judges a caller that says g and expects this node to have a store; 0 is
// any. It returns what this node says to it.
func (b *Book) Call(caller uint64, g transport.Greeting, expected uint64) (said transport.Greeting, refusal *Refusal) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.meet(caller, g, expected == 0 || expected == b.self.Store); m != nil {
		return b.self, &Refusal{Mismatch: m}
	}
	if expected == 0 || expected == b.self.Store {
		return b.self, nil
	}
	m := &transport.Mismatch{Reason: transport.MismatchStore, Own: b.self, Peer: g, Known: expected}
	b.tell(caller, b.page(caller), m, transport.VerdictRefusedByPeer)
	return b.self, &Refusal{Mismatch: m, NotMeant: true}
}

// Refused notes that a peer has refused this node. m is seen from here: its Own
// is what this node had said. One that contradicts itself, because it names the
// very store that this node said or none, is not an accusation and is not told.
func (b *Book) Refused(peer uint64, m *transport.Mismatch) {
	if m.Reason == transport.MismatchStore && (m.Known == 0 || m.Known == m.Own.Store) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell(peer, b.page(peer), m, transport.VerdictRefusedByPeer)
}

// Stands reports whether a connection may stay on which the peer has said g and
// this node has said said.
func (b *Book) Stands(peer uint64, g, said transport.Greeting) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return said.Store == b.self.Store && b.self.Judge(g, b.page(peer).known()) == nil
}

// tell tells the host of a mismatch with a member. Of strangers it is told only
// while it has no members: they may be its cluster. It needs b.mu.
func (b *Book) tell(peer uint64, p *page, m *transport.Mismatch, verdict transport.MismatchVerdict) {
	if !p.member && !b.alone {
		return
	}
	l, now := line{m.Reason, verdict}, time.Now()
	if at, told := p.said[l]; told && now.Sub(at) < b.quiet {
		return
	}
	if p.said == nil {
		p.said = map[line]time.Time{}
	}
	p.said[l] = now
	b.notify([]transport.Event{m.Event(peer, verdict)})
}

// page finds or begins the page of a peer. It needs b.mu.
func (b *Book) page(peer uint64) *page {
	if p := b.pages[peer]; p != nil {
		return p
	}
	b.makeRoom()
	p := &page{heard: time.Now()}
	b.pages[peer] = p
	return p
}

// makeRoom forgets a stranger if there are too many. It needs b.mu.
func (b *Book) makeRoom() {
	strangers, oldest := 0, uint64(0)
	for id, p := range b.pages {
		if p.member {
			continue
		}
		if strangers++; strangers == 1 || p.heard.Before(b.pages[oldest].heard) {
			oldest = id
		}
	}
	if strangers >= maxStrangers {
		delete(b.pages, oldest)
	}
}
