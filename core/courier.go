package core

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// courier brings messages to the transport that carries them: the only one, or
// while a cluster moves from one transport to another, the one that routes
// names (ADR 0020). It outlives generations: peers see the same addresses,
// whatever the storage does.
type courier struct {
	h        *Host
	carriers []*carrier // in the order of preference
	dropped  atomic.Uint64

	mu     sync.Mutex // also guards what each carrier says it does
	peers  transport.PeerSet
	routes *routes
	// complained are the peers for which the log says that there is no way.
	complained map[uint64]bool
}

// newCourier makes a courier without transports: addCarrier adds each of them.
func newCourier(h *Host) *courier {
	return &courier{h: h, routes: newRoutes(len(h.cfg.Transports), h.cfg.Election), complained: map[uint64]bool{}}
}

// send queues messages; it never waits.
func (c *courier) send(envelopes []transport.Envelope) {
	now := time.Now()
	var lost []transport.Envelope
	var silent []uint64
	var say []func()
	c.mu.Lock()
	for i := range envelopes {
		to := envelopes[i].To
		choice := c.routes.choose(to, now)
		if choice.silent {
			silent = append(silent, to)
		}
		if choice.moved && c.routes.active(to) {
			say = append(say, c.tellMoved(to, choice))
		}
		if choice.transport == noWay {
			say = append(say, c.complain(to)...)
		}
		if choice.transport == noWay || !c.carriers[choice.transport].put(envelopes[i]) {
			lost = append(lost, envelopes[i])
		}
	}
	c.mu.Unlock()
	for _, log := range say {
		log()
	}
	c.unreachable(silent)
	for _, k := range c.carriers {
		signal(k.wake)
	}
	c.drop(noWay, lost)
}

// tellMoved returns what says in the log that a peer's messages go by another
// transport. It needs c.mu; the returned function must not have it.
func (c *courier) tellMoved(to uint64, choice choice) func() {
	name := c.carriers[choice.transport].name
	return func() {
		c.h.logger.Info("messages to a peer go by another transport", "peer", member.ID(to), "plugin", name, "silent", choice.silent)
	}
}

// drop reports the receivers of lost messages unreachable (law 7). carrier is
// the one that did not take them, or noWay if that is for the routes to say.
func (c *courier) drop(carrier int, envelopes []transport.Envelope) {
	if len(envelopes) == 0 {
		return
	}
	c.dropped.Add(uint64(len(envelopes)))
	var ids []uint64
	for i := range envelopes {
		if !slices.Contains(ids, envelopes[i].To) {
			ids = append(ids, envelopes[i].To)
		}
	}
	c.mu.Lock()
	for _, id := range ids {
		by := carrier
		if p := c.routes.peers[id]; by == noWay && p != nil {
			by = p.current
		}
		if by != noWay {
			c.routes.loss(id, by, time.Now())
		}
	}
	c.mu.Unlock()
	c.unreachable(ids)
}

// lost takes a transport's word that it has lost something for a peer, and
// passes it on if it was given something.
func (c *courier) lost(k *carrier, peer uint64) {
	c.mu.Lock()
	tell := c.routes.loss(peer, k.number, time.Now())
	c.mu.Unlock()
	if tell {
		c.unreachable([]uint64{peer})
	}
}

// snapshotLost notes that a transport could not bring a peer a snapshot. Raft is
// told by the snapshot's status.
func (c *courier) snapshotLost(k *carrier, to member.ID) {
	c.mu.Lock()
	c.routes.doubt(uint64(to), k.number, time.Now())
	c.mu.Unlock()
}

// connection takes a transport's word that it has, or has no longer, a
// connection to a peer. One that comes after the transport's end does not
// count: ended has forgotten its connections, and the next transport has none
// of them.
func (c *courier) connection(k *carrier, by *catalog.Instance, peer uint64, active bool) {
	c.mu.Lock()
	select {
	case <-by.Done():
		active = false
	default:
	}
	c.routes.connection(peer, k.number, active)
	c.mu.Unlock()
	if !active {
		c.lost(k, peer)
	}
}

// connected tells whether any transport has a connection to a peer.
func (c *courier) connected(peer uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.routes.connected(peer)
}

// heard notes which transport delivers a sender's messages.
func (c *courier) heard(k *carrier, envelopes []transport.Envelope) {
	if len(c.carriers) == 1 {
		return
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range envelopes {
		c.routes.heard(envelopes[i].From, k.number, now)
	}
}

// started and ended say that a transport runs, and that it has ended with all
// that was on its way.
func (c *courier) started(k *carrier) {
	c.mu.Lock()
	c.routes.start(k.number)
	c.mu.Unlock()
}

func (c *courier) ended(k *carrier) {
	c.mu.Lock()
	c.dropped.Add(uint64(len(k.waiting)))
	k.waiting, k.bytes = nil, 0
	ids := c.routes.end(k.number, time.Now())
	c.mu.Unlock()
	c.h.identity.parted()
	c.unreachable(ids)
}

// forSnapshot is the transport that carries a snapshot to a peer; nil if none
// can.
func (c *courier) forSnapshot(to member.ID) *carrier {
	c.mu.Lock()
	choice := c.routes.choose(uint64(to), time.Now())
	c.mu.Unlock()
	if choice.silent {
		c.unreachable([]uint64{uint64(to)})
	}
	if choice.transport == noWay {
		return nil
	}
	return c.carriers[choice.transport]
}

func (c *courier) unreachable(ids []uint64) {
	g := c.h.current()
	if g == nil || len(ids) == 0 {
		return
	}
	for _, id := range ids {
		c.h.server.Lost(member.ID(id))
	}
	g.node.Do(func(core *node.Core) error {
		for _, id := range ids {
			if err := core.Unreachable(member.ID(id)); err != nil {
				return err
			}
		}
		return nil
	})
}
