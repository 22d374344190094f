package transportrpc

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func newQueue() (*inbound, *atomic.Uint64) {
	drops := new(atomic.Uint64)
	o := pluginrpc.NewOpened(plugins.Options{Limits: plugins.DefaultLimits(), Election: time.Second})
	return newInbound(o, drops), drops
}

func message(class pluginv1.MessageClass, size int) []transport.Envelope {
	return []transport.Envelope{{Class: class, Payload: make([]byte, size)}}
}

func TestWhatWaitsBecomesOneMessage(t *testing.T) {
	q, _ := newQueue()
	for range 100 {
		q.Deliver(message(pluginv1.MessageClass_CLASS_CONTROL, 10))
	}
	var m pluginv1.RaftInbound
	if !q.take(&m) || len(m.Envelopes) != 100 {
		t.Fatalf("took %d envelopes", len(m.Envelopes))
	}
	q.recycle(&m)
	if q.take(&m) {
		t.Error("there is more")
	}
}

// Rule TR-25.
func TestAFullQueueKeepsControlMessages(t *testing.T) {
	q, drops := newQueue()
	const size = 1 << 20
	for range 100 {
		q.Deliver(message(pluginv1.MessageClass_CLASS_APPEND, size))
	}
	held := 100 - int(drops.Load())
	if held < 20 || held*size > inboundBytes {
		t.Fatalf("%d appends of %d bytes are held", held, size)
	}
	before := drops.Load()
	for range 1000 {
		q.Deliver(message(pluginv1.MessageClass_CLASS_CONTROL, 100))
	}
	if n := drops.Load() - before; n > 0 {
		t.Errorf("%d control messages were dropped", n)
	}
	for range 1000 {
		q.Deliver(message(pluginv1.MessageClass_CLASS_CONTROL, 1<<20))
	}
	if q.bytes > inboundBytes+inboundControlBytes {
		t.Errorf("%d bytes wait", q.bytes)
	}
}

// Rule TR-16.
func TestReportsOfOneFactAreMerged(t *testing.T) {
	q, drops := newQueue()
	for range 10_000 {
		q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: 2, Detail: strings.Repeat("x", 10_000)}})
	}
	var m pluginv1.RaftInbound
	if !q.take(&m) || len(m.Events) != 1 || len(m.Events[0].Detail) > maxDetail || drops.Load() > 0 {
		t.Fatalf("%d events, %d dropped", len(m.Events), drops.Load())
	}
	q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: 2}})
	if !q.take(&m) {
		t.Error("a report after the one that was taken is lost")
	}
	for range 10_000 {
		q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: 2}, {Type: pluginv1.EventType_EVENT_INACTIVE, Peer: 2}})
	}
	if q.events > inboundEvents || drops.Load() == 0 {
		t.Errorf("%d events wait, %d dropped", q.events, drops.Load())
	}
}

// A greeting finds room when other events have used up theirs, and goes before
// the messages that follow it.
// Rules TR-25 and TR-29.
func TestAGreetingIsNotLost(t *testing.T) {
	q, drops := newQueue()
	for range inboundEvents {
		q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: 2}})
	}
	lost := drops.Load()
	q.Notify([]transport.Event{transport.Greeting{Store: 7}.Greeted(2)})
	q.Deliver([]transport.Envelope{{Group: 1, To: 1, From: 2}})
	var m pluginv1.RaftInbound
	if !q.take(&m) || len(m.Envelopes) > 0 || len(m.Events) > maxEvents || drops.Load() != lost {
		t.Fatalf("%d messages and %d events come first, %d were dropped", len(m.Envelopes), len(m.Events), drops.Load())
	}
	if last := m.Events[len(m.Events)-1]; last.Type != pluginv1.EventType_EVENT_GREETED || last.Greeting.Store != 7 {
		t.Errorf("the last event is %v", last)
	}
	if !q.take(&m) || len(m.Envelopes) != 1 {
		t.Errorf("then come %d messages", len(m.Envelopes))
	}
}

// All that is put in comes out in the same order, in messages that fit.
// Rule TR-22.
func TestOrderIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, drops := newQueue()
		var put, got []uint64
		take := func() {
			var m pluginv1.RaftInbound
			for q.take(&m) {
				size := 0
				for _, e := range m.Envelopes {
					got = append(got, e.From)
					size += len(e.Payload)
				}
				for _, e := range m.Events {
					got = append(got, e.Peer)
				}
				if limits := plugins.DefaultLimits(); len(m.Envelopes) > 1 && size > int(limits.MaxBatchBytes) {
					t.Fatalf("a message of %d bytes", size)
				}
				q.recycle(&m)
			}
		}
		for i := range rapid.Uint64Range(1, 200).Draw(t, "operations") {
			switch rapid.IntRange(0, 9).Draw(t, "operation") {
			case 0:
				take()
			case 1, 2:
				q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: i}})
				put = append(put, i)
			default:
				size := rapid.SampledFrom([]int{0, 10, 1 << 10, 200 << 10}).Draw(t, "size")
				q.Deliver([]transport.Envelope{{From: i, Payload: make([]byte, size)}})
				put = append(put, i)
			}
		}
		take()
		if drops.Load() > 0 {
			t.Skip("more than a queue holds")
		}
		if len(got) != len(put) {
			t.Fatalf("put %d, got %d", len(put), len(got))
		}
		for i := range put {
			if put[i] != got[i] {
				t.Fatalf("number %d is %d, expected %d", i, got[i], put[i])
			}
		}
		if q.bytes != 0 || q.events != 0 || len(q.reported) != 0 {
			t.Fatalf("empty, but counts %d bytes, %d events, %d reports", q.bytes, q.events, len(q.reported))
		}
	})
}

// Rules TR-39 and TR-40.
func TestOffers(t *testing.T) {
	for name, x := range map[string]struct {
		end  func(*inbound, context.CancelFunc)
		want error
	}{
		"nobody takes it up":      {func(*inbound, context.CancelFunc) {}, context.DeadlineExceeded},
		"the peer gives up":       {func(_ *inbound, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"the transport is closed": {func(q *inbound, _ context.CancelFunc) { q.close() }, plugins.ErrClosed},
		"taken up and refused": {func(q *inbound, _ context.CancelFunc) {
			o, ok := q.takeUp(1)
			if !ok {
				panic("no offer")
			}
			o.verdict <- transport.ErrSnapshotRefused
		}, transport.ErrSnapshotRefused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q, _ := newQueue()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() {
					ended <- q.ReceiveSnapshot(ctx, transport.SnapshotHeader{From: 2}, strings.NewReader(""))
				}()
				synctest.Wait()
				var m pluginv1.RaftInbound
				if !q.take(&m) || len(m.Events) != 1 || m.Events[0].Offer != 1 || m.Events[0].Peer != 2 {
					t.Fatalf("announced as %v", m.Events)
				}
				x.end(q, cancel)
				if err := <-ended; !errors.Is(err, x.want) {
					t.Errorf("ended with %v", err)
				}
				if _, ok := q.takeUp(1); ok {
					t.Error("the offer is still there")
				}
			})
		})
	}
}

func TestAfterCloseNothingIsTaken(t *testing.T) {
	q, _ := newQueue()
	q.close()
	q.close()
	q.Deliver(message(pluginv1.MessageClass_CLASS_CONTROL, 1))
	q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_ACTIVE, Peer: 2}})
	var m pluginv1.RaftInbound
	if q.take(&m) {
		t.Error("something was taken")
	}
	if err := q.ReceiveSnapshot(t.Context(), transport.SnapshotHeader{}, nil); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("receive snapshot: %v", err)
	}
}

// Rule TR-39.
func TestOffersAreBounded(t *testing.T) {
	q, _ := newQueue()
	for range maxReceiving {
		if _, err := q.add(&offer{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.ReceiveSnapshot(t.Context(), transport.SnapshotHeader{}, nil); !errors.Is(err, transport.ErrSnapshotRefused) {
		t.Errorf("one more: %v", err)
	}
}

// A greeting for which there is no room, because callers under ever new names have
// used up all of it, ends the stream, and with it the transport: messages after
// the greeting do not arrive without it.
// Rule TR-25.
func TestAGreetingWithoutRoomEndsTheStream(t *testing.T) {
	q, _ := newQueue()
	for id := range uint64(inboundEvents) {
		q.Notify([]transport.Event{transport.Greeting{Store: 7}.Greeted(100 + id)})
	}
	q.Notify([]transport.Event{transport.Greeting{Store: 7}.Greeted(2)})
	q.Deliver([]transport.Envelope{{Group: 1, To: 1, From: 2}})
	var m pluginv1.RaftInbound
	greeted := false
	for q.take(&m) {
		for _, e := range m.Events {
			greeted = greeted || e.Peer == 2
		}
		if len(m.Envelopes) > 0 && !greeted {
			t.Error("a message of peer 2 arrives without its greeting")
		}
		q.recycle(&m)
	}
	select {
	case <-q.ended:
		if err := q.reason(); !errors.Is(err, plugins.ErrLimit) || !strings.Contains(err.Error(), "peer 2") {
			t.Errorf("it ends with %v", err)
		}
	default:
		if !greeted {
			t.Error("the greeting of peer 2 is lost, and nobody will say it again")
		}
	}
}
