package core

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// carrier keeps one transport plugin running and brings it what the courier
// has for it.
type carrier struct {
	h       *Host
	courier *courier
	number  int // its place in the order of preference
	cfg     *TransportConfig
	slot    *catalog.Slot

	transport atomic.Pointer[transport.Transport]
	instance  *catalog.Instance // of the supervising goroutine
	running   atomic.Pointer[catalog.Instance]
	// unverified: callers of its port do not prove who they are.
	unverified atomic.Bool
	wake       chan struct{}
	peersWake  chan struct{}

	// The rest is guarded by courier.mu.
	name    string
	reach   reach
	waiting []transport.Envelope
	bytes   int
	givenUp error // why it will not be started again; nil while it will
}

// addCarrier makes the next transport in the order of preference.
func (c *courier) addCarrier(cfg *TransportConfig) error {
	slot, err := c.h.catalog.Slot(cfg.spec(plugins.Transport))
	if err != nil {
		return err
	}
	c.carriers = append(c.carriers, &carrier{
		h: c.h, courier: c, number: len(c.carriers), cfg: cfg, slot: slot, name: slot.Status().Name,
		wake: make(chan struct{}, 1), peersWake: make(chan struct{}, 1),
	})
	return nil
}

// connect starts the transport plugin and opens it.
func (k *carrier) connect(ctx context.Context) error {
	var opened transport.Transport
	in, err := k.h.launch(ctx, plugins.Transport, k.slot, k.cfg.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) error {
		if err := k.courier.describe(k, in.Info()); err != nil {
			return err
		}
		opened = in.Transport()
		address, err := opened.Open(ctx, transport.Options{Options: opts, Listen: k.cfg.Listen, Advertise: k.cfg.Advertise}, inbound{k.h, k, in, time.Now()})
		if err == nil {
			k.h.logger.Info("listening for peers", "plugin", in.Info().Name, "address", address)
		}
		return err
	})
	if err != nil {
		return err
	}
	k.instance = in
	k.running.Store(in)
	k.transport.Store(&opened)
	k.courier.started(k)
	go k.watchStream(opened, in)
	signal(k.peersWake)
	return nil
}

// watchStream ends a transport whose process lives but whose stream to the
// host is broken: it would swallow every message. While the host ends, it is the
// host that ends the stream.
func (k *carrier) watchStream(t transport.Transport, in *catalog.Instance) {
	stream, ok := t.(interface {
		Done() <-chan struct{}
		Err() error
	})
	if !ok {
		return
	}
	select {
	case <-stream.Done():
		if err := stream.Err(); err != nil && k.h.life.Err() == nil { // not closed by its host
			in.Fail(err)
		}
	case <-in.Done():
	}
}

// supervise has the transport served, life after life, until the host ends or the
// transport is of no use any more.
func (k *carrier) supervise() {
	ctx := k.h.life
	for {
		k.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		k.h.logger.Error("transport failed, starting it again", "plugin", k.instance.Info().Name, "error", exitReason(k.instance))
		k.transport.Store(nil)
		k.courier.ended(k)
		if err := k.reconnect(ctx); err != nil {
			k.giveUp(err)
			return
		}
	}
}

// serve brings one life of the transport what waits, until that life or ctx ends.
func (k *carrier) serve(ctx context.Context) {
	to := startSending(ctx, *k.transport.Load(), k.h.cfg.Election, k.instance.Fail)
	defer to.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
			k.flush(to)
		case <-k.peersWake:
			k.applyPeers(ctx)
		case <-k.instance.Done():
			return
		}
	}
}

// reconnect tries until it succeeds, or trying cannot help.
func (k *carrier) reconnect(ctx context.Context) error {
	for {
		err := k.connect(ctx)
		if err == nil || ctx.Err() != nil || isPermanent(err) {
			return err
		}
		k.h.logger.Error("transport could not be opened, trying again", "error", err)
		k.h.pause()
	}
}

// giveUp leaves the peers to the other transports; without any the host ends.
func (k *carrier) giveUp(err error) {
	if k.h.life.Err() != nil {
		return
	}
	k.courier.mu.Lock()
	k.givenUp = err
	left := 0
	for _, other := range k.courier.carriers {
		if other.givenUp == nil {
			left++
		}
	}
	k.courier.mu.Unlock()
	if left == 0 {
		k.h.fail(fmt.Errorf("transport cannot be used: %w", err))
		return
	}
	k.h.logger.Error("transport cannot be used; the host goes on with the other one", "plugin", k.slot.Status().Name, "error", err)
}

// status is the slot's, or says that the plugin is not started again.
func (k *carrier) status() catalog.Status {
	st := k.slot.Status()
	k.courier.mu.Lock()
	defer k.courier.mu.Unlock()
	if k.givenUp != nil {
		st.State, st.LastError = catalog.Failed, k.givenUp.Error()
	}
	return st
}

// put queues a message, if there is a transport and room. It needs
// courier.mu.
func (k *carrier) put(e transport.Envelope) bool {
	if !fits(k.bytes, &e) || k.transport.Load() == nil {
		return false
	}
	k.waiting = append(k.waiting, e)
	k.bytes += len(e.Payload) + envelopeMemory
	return true
}

// flush hands everything that waits to the transport.
func (k *carrier) flush(to *sending) {
	k.courier.mu.Lock()
	envelopes := k.waiting
	k.waiting, k.bytes = nil, 0
	k.courier.mu.Unlock()
	if len(envelopes) == 0 {
		return
	}
	urgentFirst(envelopes)
	if err := to.send(envelopes); err != nil {
		k.h.logger.Warn("transport refused messages", "count", len(envelopes), "error", err)
		k.courier.drop(k.number, envelopes)
	}
}

func (k *carrier) applyPeers(ctx context.Context) {
	t := k.transport.Load()
	if t == nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, catalog.CallTimeout(k.h.cfg.Election))
	defer cancel()
	switch err := (*t).SetPeers(limited, k.courier.peersOf(k)); {
	case err == nil || ctx.Err() != nil: // done, or the host is ending
	case errors.Is(err, plugins.ErrInvalidArgument):
		k.h.logger.Error("transport cannot use a peer's address; give the member another with member update", "error", err)
	default:
		k.h.logger.Error("transport did not take the peers; it is started again", "error", err)
		k.instance.Fail(err)
	}
}
