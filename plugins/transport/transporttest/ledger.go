package transporttest

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// A transport must report a message that is lost with its connection within ReportLimit
// (statement B5).
const ReportLimit = time.Second

// A Ledger is a handler that keeps when messages were reported lost, and the
// numbers of those that came.
type Ledger struct {
	mu      sync.Mutex
	came    map[uint64]bool
	reports []time.Time
}

// NewLedger returns an empty one.
func NewLedger() *Ledger { return &Ledger{came: map[uint64]bool{}} }

// Deliver implements transport.Handler.
func (l *Ledger) Deliver(envelopes []transport.Envelope) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range envelopes {
		if m := new(pluginv1.Message); m.Unmarshal(envelopes[i].Payload) == nil {
			l.came[m.Commit] = true
		}
	}
}

// Notify implements transport.Handler.
func (l *Ledger) Notify(list []transport.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range list {
		if list[i].Type == pluginv1.EventType_EVENT_UNREACHABLE {
			l.reports = append(l.reports, time.Now())
		}
	}
}

// ReceiveSnapshot implements transport.Handler.
func (l *Ledger) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Has tells whether the message with a number came.
func (l *Ledger) Has(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.came[number]
}

// ReportAfter is how long after a moment the next report came; false if none did.
func (l *Ledger) ReportAfter(at time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, report := range l.reports {
		if report.After(at) {
			return report.Sub(at), true
		}
	}
	return 0, false
}

// Heartbeat and Append are messages from node 1 to node 2 that a number tells from all
// others.
func Heartbeat(t testing.TB, number uint64) transport.Envelope {
	return numbered(t, raftmsg.TypeHeartbeat, pluginv1.MessageClass_CLASS_CONTROL, number)
}

// Append is Heartbeat for another stream.
func Append(t testing.TB, number uint64) transport.Envelope {
	return numbered(t, raftmsg.TypeApp, pluginv1.MessageClass_CLASS_APPEND, number)
}

func numbered(t testing.TB, kind uint32, class pluginv1.MessageClass, number uint64) transport.Envelope {
	t.Helper()
	m := pluginv1.Message{Type: kind, From: 1, To: 2, Term: 1, Commit: number}
	payload, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return transport.Envelope{Group: 1, From: 1, To: 2, Class: class, Payload: payload}
}

// eventually waits for a condition that must come true soon.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	await.That(t, 20*time.Second, what, condition)
}

// EveryMessageArrivesOrIsReported has node 1 send on two streams for a while, during
// which breakAll ends all its connections with node 2 again and again, in a way that
// node 1 is told of. Every message that was accepted comes, or a report follows it
// within ReportLimit (statement B5).
func EveryMessageArrivesOrIsReported(t *testing.T, one transport.Transport, atOne, atTwo *Ledger, lasts time.Duration, breakAll func()) {
	end := time.Now().Add(lasts)
	var count atomic.Uint64
	var mu sync.Mutex
	sent := map[uint64]time.Time{}
	var running sync.WaitGroup
	for _, message := range []func(testing.TB, uint64) transport.Envelope{Heartbeat, Append, Heartbeat, Append} {
		running.Go(func() {
			for time.Now().Before(end) {
				n, at := count.Add(1), time.Now()
				if err := one.Send(context.Background(), []transport.Envelope{message(t, n)}); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				sent[n] = at
				mu.Unlock()
				<-time.After(time.Millisecond)
			}
		})
	}
	breaks := 0
	for ; time.Now().Before(end); breaks++ {
		<-time.After(20*time.Millisecond + rand.N(100*time.Millisecond))
		breakAll()
	}
	running.Wait()
	breakAll() // what is lost now is reported
	for n, at := range sent {
		eventually(t, "a message, or a report of it", func() bool { _, ok := atOne.ReportAfter(at); return ok || atTwo.Has(n) })
	}
	lost := 0
	for n, at := range sent {
		if atTwo.Has(n) {
			continue
		}
		lost++
		if took, _ := atOne.ReportAfter(at); took > ReportLimit {
			t.Errorf("message %d did not come, and the next report came %v later, at most %v are allowed", n, took, ReportLimit)
		}
	}
	if lost == 0 || lost == len(sent) {
		t.Errorf("of %d messages %d were lost by %d breaks: nothing was tried", len(sent), lost, breaks)
	}
	t.Logf("%d messages, %d breaks, %d lost and reported", len(sent), breaks, lost)
}
