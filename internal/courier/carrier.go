package courier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/internal/restarts"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// carrier keeps one transport plugin running and brings it what the courier
// has for it.
type carrier struct {
	courier *Courier
	number  int // its place in the order of preference
	Transport

	transport atomic.Pointer[transport.Transport]
	instance  *catalog.Instance // of the supervising goroutine
	running   atomic.Pointer[catalog.Instance]
	// unverified: callers of its port do not prove who they are.
	unverified, saidUnverified atomic.Bool
	held                       repeats.Line // what the log says of events that are too many
	wake                       chan struct{}
	peersWake                  chan struct{}
	restarts                   chan *restarts.Restart

	// The rest is guarded by courier.mu.
	name    string
	reach   reach
	waiting []transport.Envelope
	bytes   int
	givenUp error // why it will not be started again; nil while it will
}

func newCarrier(c *Courier, number int, t Transport) *carrier {
	return &carrier{
		courier: c, number: number, Transport: t, name: t.Slot.Status().Name,
		wake: make(chan struct{}, 1), peersWake: make(chan struct{}, 1), restarts: make(chan *restarts.Restart),
	}
}

// connect starts the transport plugin and opens it.
func (k *carrier) connect(ctx context.Context) error {
	var opened transport.Transport
	in, err := k.courier.host.Launch(ctx, k.Slot, k.Config, func(ctx context.Context, in *catalog.Instance, opts plugins.Options) error {
		if err := k.courier.describe(k, in.Info()); err != nil {
			return err
		}
		opened = in.Transport()
		k.saidUnverified.Store(false)
		address, err := opened.Open(ctx, transport.Options{Options: opts, Listen: k.Listen, Advertise: k.Advertise}, handler{k.courier, k, in, time.Now()})
		if err == nil {
			k.courier.logger.Info("listening for peers", "plugin", in.Info().Name, "address", address)
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
	wake.Up(k.peersWake)
	return nil
}

// watchStream ends a transport whose process lives but whose stream to the host is
// broken: it would swallow every message. After the end of ctx it is the host that ends the
// stream.
func (k *carrier) watchStream(ctx context.Context) {
	stream, ok := (*k.transport.Load()).(interface {
		Done() <-chan struct{}
		Err() error
	})
	if !ok {
		return
	}
	in := k.instance
	go func() {
		select {
		case <-stream.Done():
			if err := stream.Err(); err != nil && ctx.Err() == nil { // not closed by its host
				in.Fail(err)
			}
		case <-in.Done():
		case <-ctx.Done():
		}
	}()
}

// supervise has the transport served, life after life, until the host ends or the
// transport is of no use any more.
func (k *carrier) supervise(ctx context.Context) {
	for {
		asked := k.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if asked == nil {
			k.courier.logger.Error("transport failed, starting it again", "plugin", k.instance.Info().Name, "error", cmp.Or(k.instance.Err(), plugins.ErrGone))
		}
		k.transport.Store(nil)
		k.courier.ended(k)
		if asked != nil {
			k.courier.logger.Info("the transport is restarted as asked", "plugin", k.instance.Info().Name)
			k.courier.host.Retire(k.instance)
		}
		err := k.reconnect(ctx)
		asked.Answer(err)
		if err != nil {
			if ctx.Err() == nil {
				k.giveUp(err)
			}
			return
		}
	}
}

// serve brings one life of the transport what waits, until that life or ctx ends, or until
// the restart that it returns is asked for.
func (k *carrier) serve(ctx context.Context) *restarts.Restart {
	to := startSending(ctx, *k.transport.Load(), k.courier.election, k.instance.Fail)
	defer to.stop()
	watched, unwatch := context.WithCancel(ctx)
	defer unwatch() // before a transport is retired, whose stream then ends
	k.watchStream(watched)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.wake:
			k.flush(to)
		case <-k.peersWake:
			if k.applyPeers(ctx) {
				continue
			}
			select { // it is ending, and takes no peers any more
			case <-k.instance.Done():
			case <-ctx.Done():
			}
			return nil
		case asked := <-k.restarts:
			return asked
		case <-k.instance.Done():
			return nil
		}
	}
}

// reconnect tries until it succeeds, or trying cannot help.
func (k *carrier) reconnect(ctx context.Context) error {
	for {
		err := k.connect(ctx)
		if err == nil || ctx.Err() != nil || k.courier.host.IsPermanent(err) {
			return err
		}
		k.courier.logger.Error("transport could not be opened, trying again", "error", err)
		// An error that comes before any process, whose restart the slot would delay,
		// must not make this a busy loop.
		pause.For(ctx, k.courier.tick)
	}
}

// giveUp leaves the peers to the other transports; without any the host ends.
func (k *carrier) giveUp(err error) {
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
		k.courier.host.Fail(fmt.Errorf("transport cannot be used: %w", err))
		return
	}
	k.courier.logger.Error("transport cannot be used; the host goes on with the other one", "plugin", k.Slot.Status().Name, "error", err)
}

// status is the slot's, or says that the plugin is not started again.
func (k *carrier) status() catalog.Status {
	st := k.Slot.Status()
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
		k.courier.logger.Warn("transport refused messages", "count", len(envelopes), "error", err)
		k.courier.drop(k.number, envelopes)
	}
}

// applyPeers tells the transport its peers, and reports whether it goes on being used.
func (k *carrier) applyPeers(ctx context.Context) bool {
	t := k.transport.Load()
	if t == nil {
		return true
	}
	limited, cancel := context.WithTimeout(ctx, catalog.CallTimeout(k.courier.election))
	defer cancel()
	switch err := (*t).SetPeers(limited, k.courier.peersOf(k)); {
	case err == nil || ctx.Err() != nil: // done, or the host is ending
	case errors.Is(err, plugins.ErrInvalidArgument):
		k.courier.logger.Error("transport cannot use a peer's address; give the member another with member update", "error", err)
	default:
		k.courier.logger.Error("transport did not take the peers; it is started again", "error", err)
		k.instance.Fail(err)
		return false
	}
	return true
}
