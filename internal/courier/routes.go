package courier

import (
	"maps"
	"slices"
	"time"
)

// routes says which of several transports carries messages to each peer. A
// transport is known by its place in the order of preference. The rules:
//
//   - The first transport carries that the peer has a URL for, that has a
//     connection to it, and that has lost nothing for it lately.
//   - If there is none, one that has a connection; else one that has lost
//     nothing lately; else the one whose last loss is longest ago.
//   - A peer that leaves everything unanswered for half of hold counts as a loss
//     of the transport that had it: a network can swallow what it is given for
//     longer than raft can wait for a transport to notice. That transport is not
//     preferred again for longer, or until it notices itself.
//   - The leader is answered by the transport by which it speaks. A message that
//     reaches it by that one need not reach it by another, and of two ends that
//     both try to find a way out of silence neither would.
//   - So a peer is moved only when something was lost, or a connection was made,
//     or the leader moved. A transport that has lost something is preferred again
//     only after hold: with two transports a peer is moved at most twice in that
//     time, unless both lose all that they are given.
//   - Raft hears of a loss only from a transport that was given something since
//     it was last told: it does not matter to raft that the other one has no
//     connection.
//
// Raft bears that what is under way by one transport is overtaken by what
// follows by the other; it costs a probe. The value is not for concurrent use.
type routes struct {
	hold  time.Duration
	up    []bool // the transports that run
	peers map[uint64]*route
	// leader is the member that leads; 0 if none is known.
	leader uint64
	// strangers are senders that are not peers (statement B2), or not yet: a
	// member may connect before this host has read in its log that it is one.
	strangers map[uint64]*stranger
}

// stranger is what is remembered of a sender that is not a peer.
type stranger struct {
	by     int    // the transport that last delivered something of its: answers go back by it
	active []bool // the transports that have a connection to it
}

// maxStrangers bounds what senders can make a host remember.
const maxStrangers = 64

// route is what is known of the ways to one peer, one for each transport.
type route struct {
	ways    []way
	current int // the way that was chosen last; noWay at first
	// unanswered is when the first message went to the peer since something
	// last came from it; zero if none did.
	unanswered time.Time
	sentAt     time.Time // when the last message went to the peer
	// apart is since when no transport has had a connection to the peer; zero while
	// one has.
	apart time.Time
	// heardBy is the transport by which the peer was heard last, at heardAt.
	heardBy int
	heardAt time.Time
}

// silence is how many times hold a transport is not preferred that has left a
// peer silent, as long as it does not say that the connection broke.
const silence = 8

// noWay stands for the absence of a transport.
const noWay = -1

type way struct {
	usable bool      // the peer has a URL for the transport
	active bool      // there is a connection, as the transport says
	until  time.Time // it has lost something, and is not preferred until then
	given  bool      // it was given something since raft was last told of a loss
}

func newRoutes(transports int, hold time.Duration) *routes {
	return &routes{hold: hold, up: make([]bool, transports), peers: map[uint64]*route{}, strangers: map[uint64]*stranger{}}
}

// set replaces the peers; usable tells for each which transports it has a URL
// for. For peers that stay, all that is known of them is kept.
func (r *routes) set(usable map[uint64][]bool, now time.Time) {
	for id := range r.peers {
		if usable[id] == nil {
			delete(r.peers, id)
		}
	}
	for id, can := range usable {
		p := r.peers[id]
		if p == nil {
			p = &route{ways: make([]way, len(r.up)), current: noWay}
			r.peers[id] = p
			if s := r.strangers[id]; s != nil {
				for k := range p.ways {
					p.ways[k].active = s.active[k]
				}
			}
		}
		for k := range p.ways {
			p.ways[k].usable = can[k]
		}
		delete(r.strangers, id)
		p.note(now)
	}
}

// note notes whether the peer is apart.
func (p *route) note(now time.Time) {
	switch {
	case slices.ContainsFunc(p.ways, func(w way) bool { return w.active }):
		p.apart = time.Time{}
	case p.apart.IsZero():
		p.apart = now
	}
}

// choice is what carries the next message to a peer.
type choice struct {
	transport int  // or noWay
	moved     bool // another one had the peer before
	silent    bool // because the peer was silent: the messages it was given count as lost
}

// choose names the transport for the next message to a peer.
func (r *routes) choose(peer uint64, now time.Time) choice {
	p := r.peers[peer]
	if p == nil {
		if s := r.strangers[peer]; s != nil {
			return choice{transport: s.by}
		}
		return choice{} // the first one: it never called
	}
	c := choice{silent: r.silent(p, now), transport: r.next(peer, now)}
	if c.transport == noWay {
		return c
	}
	c.moved = p.current != noWay && p.current != c.transport
	p.current = c.transport
	p.ways[p.current].given = true
	return c
}

// next is the transport that the rules name now.
func (r *routes) next(peer uint64, now time.Time) int {
	p := r.peers[peer]
	if peer == r.leader && now.Sub(p.heardAt) < r.hold {
		w := &p.ways[p.heardBy]
		if w.usable && r.up[p.heardBy] && !now.Before(w.until) {
			return p.heardBy
		}
	}
	return r.best(p, now)
}

// silent doubts the way in use if the peer was spoken to all the time, and
// nothing has come from it for too long. A peer that was sent nothing owes no
// answer.
func (r *routes) silent(p *route, now time.Time) bool {
	pause := now.Sub(p.sentAt)
	p.sentAt = now
	switch {
	case p.unanswered.IsZero() || pause >= r.hold/2:
		p.unanswered = now
	case p.current != noWay && now.Sub(p.unanswered) >= r.hold/2 && r.spare(p):
		p.ways[p.current].until = now.Add(silence * r.hold)
		p.unanswered = now
		return true
	}
	return false
}

// active reports whether the transport that a peer has now has a connection to
// it.
func (r *routes) active(peer uint64) bool {
	p := r.peers[peer]
	return p != nil && p.current != noWay && p.ways[p.current].active
}

// connected tells whether any transport has a connection to a peer, or to a sender
// that is not a peer.
func (r *routes) connected(id uint64) bool {
	if p := r.peers[id]; p != nil {
		return slices.ContainsFunc(p.ways, func(w way) bool { return w.active })
	}
	s := r.strangers[id]
	return s != nil && slices.Contains(s.active, true)
}

// spare reports whether a peer could be given to another transport.
func (r *routes) spare(p *route) bool {
	for k := range p.ways {
		if k != p.current && p.ways[k].usable && r.up[k] {
			return true
		}
	}
	return false
}

// best is the transport that the rules name if the peer does not lead.
func (r *routes) best(p *route, now time.Time) int {
	best := noWay
	for k := range p.ways {
		if p.ways[k].usable && (best == noWay || r.better(p, k, best, now)) {
			best = k
		}
	}
	return best
}

// better reports whether transport a, the less preferred one, is nevertheless
// to be chosen before b.
func (r *routes) better(p *route, a, b int, now time.Time) bool {
	rankA, rankB := r.rank(p, a, now), r.rank(p, b, now)
	if rankA != rankB {
		return rankA < rankB
	}
	return (rankA == connectedLossy || rankA == lossy) && p.ways[a].until.Before(p.ways[b].until)
}

// The ranks of a way, the best first.
const (
	connected = iota
	connectedLossy
	untried
	lossy
	gone
)

func (r *routes) rank(p *route, k int, now time.Time) int {
	w := &p.ways[k]
	recent := now.Before(w.until)
	switch {
	case !r.up[k]:
		return gone
	case w.active && !recent:
		return connected
	case w.active:
		return connectedLossy
	case !recent:
		return untried
	}
	return lossy
}

// connection notes that a transport has, or has no longer, a connection to a
// peer.
func (r *routes) connection(peer uint64, k int, active bool, now time.Time) {
	switch p := r.peers[peer]; {
	case p != nil:
		p.ways[k].active = active
		p.note(now)
	case active || r.strangers[peer] != nil:
		r.stranger(peer).active[k] = active
	}
}

// stranger returns what is remembered of a sender that is not a peer, from now
// on at least.
func (r *routes) stranger(id uint64) *stranger {
	s := r.strangers[id]
	if s == nil {
		if len(r.strangers) >= maxStrangers {
			clear(r.strangers)
		}
		s = &stranger{active: make([]bool, len(r.up))}
		r.strangers[id] = s
	}
	return s
}

// doubt notes that a transport has lost something for a peer that raft hears of
// in another way.
func (r *routes) doubt(peer uint64, k int, now time.Time) {
	if p := r.peers[peer]; p != nil {
		p.ways[k].until = now.Add(r.hold)
	}
}

// loss notes that a transport has lost something for a peer, and returns
// whether raft must hear of it.
func (r *routes) loss(peer uint64, k int, now time.Time) bool {
	p := r.peers[peer]
	if p == nil {
		return true
	}
	w := &p.ways[k]
	w.until = now.Add(r.hold)
	tell := w.given || len(p.ways) == 1
	w.given = false
	return tell
}

// start notes that a transport runs.
func (r *routes) start(k int) { r.up[k] = true }

// end notes that a transport has ended with all that it was given, and returns
// the peers of which raft must hear.
func (r *routes) end(k int, now time.Time) []uint64 {
	r.up[k] = false
	for _, s := range r.strangers {
		s.active[k] = false
	}
	var told []uint64
	for _, id := range slices.Sorted(maps.Keys(r.peers)) {
		r.connection(id, k, false, now)
		if r.loss(id, k, now) {
			told = append(told, id)
		}
	}
	return told
}

// heard notes by which transport a sender was heard.
func (r *routes) heard(from uint64, k int, now time.Time) {
	if p := r.peers[from]; p != nil {
		p.unanswered, p.heardBy, p.heardAt = time.Time{}, k, now
		return
	}
	r.stranger(from).by = k
}
