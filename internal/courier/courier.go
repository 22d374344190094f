package courier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/handover"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Options are what a Courier is made from.
type Options struct {
	Host   Host
	Logger *slog.Logger
	// Tick is the pause between two attempts to open a transport.
	Tick, Election time.Duration
	// Transports are the transports in the order of preference. There is one at least.
	Transports []Transport
}

// Transport is one transport plugin.
type Transport struct {
	Slot *catalog.Slot
	// Config is the plugin's own section.
	Config []byte
	// Listen is the address for the peers, Advertise the URLs under which they reach it.
	Listen    string
	Advertise []string
}

// Courier brings messages to the transport that carries them. Its methods may be called
// concurrently, Connect and Run once each and in this order.
type Courier struct {
	host           Host
	logger         *slog.Logger
	tick, election time.Duration
	carriers       []*carrier             // in the order of preference
	reachable      *repeats.Book[passage] // which peers the log says so of

	mu     sync.Mutex // also guards what each carrier says it does
	peers  transport.PeerSet
	routes *routes
	// complained are the peers for which the log says that there is no way.
	complained map[uint64]bool
}

// New makes a courier. It starts nothing.
func New(o Options) *Courier {
	c := &Courier{
		host: o.Host, logger: o.Logger, tick: o.Tick, election: o.Election,
		reachable: newReachable(), routes: newRoutes(len(o.Transports), o.Election), complained: map[uint64]bool{},
	}
	for n, t := range o.Transports {
		c.carriers = append(c.carriers, newCarrier(c, n, t))
	}
	return c
}

// Connect starts and opens all transports at the same time. Each of them must work:
// a failure at the start of a host is one of its configuration.
func (c *Courier) Connect(ctx context.Context) error {
	errs := make([]error, len(c.carriers))
	var wg sync.WaitGroup
	for i, k := range c.carriers {
		wg.Go(func() {
			errs[i] = handover.Retry(ctx, transport.ErrAddressInUse, func() error { return k.connect(ctx) })
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Run brings messages to the transports that are connected, and starts again what
// ends, until ctx ends or no transport can be used any more.
func (c *Courier) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, k := range c.carriers {
		wg.Go(func() { k.supervise(ctx) })
	}
	wg.Wait()
}

// Plugins tells how the transports are, in the order of preference.
func (c *Courier) Plugins() []catalog.Status {
	list := make([]catalog.Status, len(c.carriers))
	for i, k := range c.carriers {
		list[i] = k.status()
	}
	return list
}

// Slots are the places of the transports, in the order of preference.
func (c *Courier) Slots() []*catalog.Slot {
	list := make([]*catalog.Slot, len(c.carriers))
	for i, k := range c.carriers {
		list[i] = k.Slot
	}
	return list
}

// Instances are the lives of transports that were opened last, each with its end to be
// waited for.
func (c *Courier) Instances() []*catalog.Instance {
	var list []*catalog.Instance
	for _, k := range c.carriers {
		if in := k.running.Load(); in != nil {
			list = append(list, in)
		}
	}
	return list
}

// Send queues messages. It never waits. Messages that cannot be queued are lost, and the
// host is told of their receivers.
func (c *Courier) Send(envelopes []transport.Envelope) {
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
		wake.Up(k.wake)
	}
	c.drop(noWay, lost)
}

// tellMoved returns what says in the log that a peer's messages go by another
// transport. It needs c.mu; the returned function must not have it.
func (c *Courier) tellMoved(to uint64, choice choice) func() {
	name := c.carriers[choice.transport].name
	return func() {
		c.logger.Info("messages to a peer go by another transport", "peer", member.ID(to), "plugin", name, "silent", choice.silent)
	}
}

// drop reports the receivers of lost messages unreachable (law 7). carrier is
// the one that did not take them, or noWay if that is for the routes to say.
func (c *Courier) drop(carrier int, envelopes []transport.Envelope) {
	if len(envelopes) == 0 {
		return
	}
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
func (c *Courier) lost(k *carrier, peer uint64) {
	c.mu.Lock()
	tell := c.routes.loss(peer, k.number, time.Now())
	c.mu.Unlock()
	if tell {
		c.unreachable([]uint64{peer})
	}
}

// connection takes a transport's word that it has, or has no longer, a
// connection to a peer. One that comes after the transport's end does not
// count: ended has forgotten its connections, and the next transport has none
// of them.
func (c *Courier) connection(k *carrier, by *catalog.Instance, peer uint64, active bool) {
	c.mu.Lock()
	select {
	case <-by.Done():
		active = false
	default:
	}
	c.routes.connection(peer, k.number, active, time.Now())
	c.mu.Unlock()
	if !active {
		c.lost(k, peer)
	}
}

// Connected tells whether any transport has a connection to a peer.
func (c *Courier) Connected(peer member.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.routes.connected(uint64(peer))
}

// heard notes which transport delivers a sender's messages.
func (c *Courier) heard(k *carrier, envelopes []transport.Envelope) {
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
func (c *Courier) started(k *carrier) {
	c.mu.Lock()
	c.routes.start(k.number)
	c.mu.Unlock()
}

func (c *Courier) ended(k *carrier) {
	c.mu.Lock()
	ids := c.routes.end(k.number, time.Now())
	for i := range k.waiting { // some may be for members that are not peers yet
		if to := k.waiting[i].To; !slices.Contains(ids, to) {
			ids = append(ids, to)
		}
	}
	k.waiting, k.bytes = nil, 0
	c.mu.Unlock()
	c.host.Parted()
	c.unreachable(ids)
}

// unreachable tells the host of lost messages.
func (c *Courier) unreachable(ids []uint64) {
	if len(ids) == 0 {
		return
	}
	peers := make([]member.ID, len(ids))
	for i, id := range ids {
		peers[i] = member.ID(id)
	}
	c.host.Lost(peers)
}
