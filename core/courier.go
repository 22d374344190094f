package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/core/catalog"
	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// What may wait for the transport at most. Beyond that messages are dropped
// and their receivers reported unreachable.
const maxCourierBytes = 64 << 20

// courier keeps a transport plugin running and carries messages to it. It
// outlives generations: peers see one address, whatever the storage does.
type courier struct {
	h         *Host
	transport atomic.Pointer[transport.Transport]
	instance  *catalog.Instance // of the supervising goroutine
	running   atomic.Pointer[catalog.Instance]
	wake      chan struct{}
	peersWake chan struct{}
	dropped   atomic.Uint64

	mu      sync.Mutex
	waiting []transport.Envelope
	bytes   int
	peers   transport.PeerSet
}

func newCourier(h *Host) *courier {
	c := &courier{h: h, wake: make(chan struct{}, 1), peersWake: make(chan struct{}, 1)}
	c.setPeers(&member.Registry{})
	return c
}

// connect starts the transport plugin and opens it.
func (c *courier) connect(ctx context.Context) error {
	cfg := &c.h.cfg.Transport
	var opened transport.Transport
	in, err := c.h.launch(ctx, plugins.Transport, cfg.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) error {
		opened = in.Transport()
		address, err := opened.Open(ctx, transport.Options{Options: opts, Listen: cfg.Listen, Advertise: cfg.Advertise}, inbound{c.h})
		if err == nil {
			c.h.logger.Info("listening for peers", "address", address)
		}
		return err
	})
	if err != nil {
		return err
	}
	c.instance = in
	c.running.Store(in)
	c.transport.Store(&opened)
	go c.watchStream(opened, in)
	signal(c.peersWake)
	return nil
}

// watchStream ends a transport whose process lives but whose stream to the
// host is broken: it would swallow every message. While the host ends, it is the
// host that ends the stream.
func (c *courier) watchStream(t transport.Transport, in *catalog.Instance) {
	stream, ok := t.(interface {
		Done() <-chan struct{}
		Err() error
	})
	if !ok {
		return
	}
	select {
	case <-stream.Done():
		if stream.Err() != nil && !c.h.isQuitting() { // not closed by its host
			in.Kill()
		}
	case <-in.Done():
	}
}

// supervise sends what waits, and restarts the transport when it dies.
func (c *courier) supervise() {
	ctx, cancel := c.h.untilQuit()
	defer cancel()
	for {
		select {
		case <-c.h.quit:
			return
		case <-c.wake:
			c.flush(ctx)
		case <-c.peersWake:
			c.applyPeers(ctx)
		case <-c.instance.Done():
			if c.h.isQuitting() {
				return
			}
			c.h.logger.Error("transport failed, starting it again", "error", exitReason(c.instance))
			c.transport.Store(nil)
			c.lostAll()
			if err := c.reconnect(ctx); err != nil {
				c.h.fail(fmt.Errorf("transport cannot be used: %w", err))
				return
			}
		}
	}
}

// reconnect tries until it succeeds, or trying cannot help.
func (c *courier) reconnect(ctx context.Context) error {
	for {
		err := c.connect(ctx)
		if err == nil || ctx.Err() != nil || isPermanent(err) {
			return err
		}
		c.h.logger.Error("transport could not be opened, trying again", "error", err)
		c.h.pause()
	}
}

// send queues messages; it never waits.
func (c *courier) send(envelopes []transport.Envelope) {
	size := 0
	for i := range envelopes {
		size += len(envelopes[i].Payload)
	}
	c.mu.Lock()
	full := c.bytes+size > maxCourierBytes || c.transport.Load() == nil
	if !full {
		c.waiting = append(c.waiting, envelopes...)
		c.bytes += size
	}
	c.mu.Unlock()
	if full {
		c.drop(envelopes)
		return
	}
	signal(c.wake)
}

// flush hands everything that waits to the transport.
func (c *courier) flush(ctx context.Context) {
	c.mu.Lock()
	envelopes := c.waiting
	c.waiting, c.bytes = nil, 0
	c.mu.Unlock()
	if len(envelopes) == 0 {
		return
	}
	t := c.transport.Load()
	if t == nil {
		c.drop(envelopes)
		return
	}
	if err := (*t).Send(ctx, envelopes); err != nil {
		c.h.logger.Warn("transport refused messages", "count", len(envelopes), "error", err)
		c.drop(envelopes)
	}
}

// drop reports the receivers of lost messages unreachable (law 7).
func (c *courier) drop(envelopes []transport.Envelope) {
	c.dropped.Add(uint64(len(envelopes)))
	var ids []uint64
	for i := range envelopes {
		if !slices.Contains(ids, envelopes[i].To) {
			ids = append(ids, envelopes[i].To)
		}
	}
	c.unreachable(ids)
}

// lostAll reports every peer unreachable: whatever was on its way is lost.
func (c *courier) lostAll() {
	c.mu.Lock()
	c.waiting, c.bytes = nil, 0
	var ids []uint64
	for _, p := range c.peers.Peers {
		ids = append(ids, p.Id)
	}
	c.mu.Unlock()
	c.unreachable(ids)
}

func (c *courier) unreachable(ids []uint64) {
	g := c.h.current()
	if g == nil {
		return
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

// setPeers tells the transport whom to talk to: the members, and as long as
// this node does not find itself among them, the configured ones as remotes.
func (c *courier) setPeers(registry *member.Registry) {
	self := c.h.cfg.ID
	var set transport.PeerSet
	for _, m := range registry.Members() {
		if m.ID != self {
			set.Peers = append(set.Peers, transport.Peer{Id: uint64(m.ID), Urls: m.PeerURLs})
		}
	}
	if _, in := registry.Member(self); !in {
		for _, m := range c.h.cfg.Members {
			_, known := registry.Member(m.ID)
			_, removed := registry.WasRemoved(m.ID)
			if m.ID != self && !known && !removed {
				set.Peers = append(set.Peers, transport.Peer{Id: uint64(m.ID), Urls: m.PeerURLs, Remote: !c.h.cfg.Bootstrap})
			}
		}
	}
	for _, r := range registry.RemovedMembers() {
		set.Removed = append(set.Removed, transport.RemovedMember{Id: uint64(r.ID), Index: r.Index, Term: r.Term})
	}
	c.mu.Lock()
	c.peers = set
	c.mu.Unlock()
	signal(c.peersWake)
}

func (c *courier) applyPeers(ctx context.Context) {
	t := c.transport.Load()
	if t == nil {
		return
	}
	c.mu.Lock()
	set := c.peers
	c.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, CallTimeout(c.h.cfg.Election))
	defer cancel()
	switch err := (*t).SetPeers(limited, set); {
	case err == nil || ctx.Err() != nil: // done, or the host is ending
	case errors.Is(err, plugins.ErrInvalidArgument):
		c.h.logger.Error("transport cannot use a peer's address; remove the member and add it with another", "error", err)
	default:
		c.h.logger.Error("transport did not take the peers; it is started again", "error", err)
		c.instance.Kill()
	}
}
