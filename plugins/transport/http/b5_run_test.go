package httptransport

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

var breaksFor = flag.Duration("b5", 2*time.Second,
	"how long TestB5EveryMessageArrivesOrIsReported sends while connections break; the statement asks for a minute")

// reportLimit is how long a lost message may go without a report, by promise.
const reportLimit = time.Second

// ledger is a handler that keeps when messages were reported lost, and the
// numbers of those that came.
type ledger struct {
	sink
	mu      sync.Mutex
	came    map[uint64]bool
	reports []time.Time
}

func newLedger() *ledger { return &ledger{came: map[uint64]bool{}} }

func (l *ledger) Deliver(envelopes []transport.Envelope) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range envelopes {
		if m := new(pluginv1.Message); m.Unmarshal(envelopes[i].Payload) == nil {
			l.came[m.Commit] = true
		}
	}
}

func (l *ledger) Notify(list []transport.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range list {
		if list[i].Type == pluginv1.EventType_EVENT_UNREACHABLE {
			l.reports = append(l.reports, time.Now())
		}
	}
}

func (l *ledger) has(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.came[number]
}

// reportAfter is how long after a moment the next report came; false if none did.
func (l *ledger) reportAfter(at time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, report := range l.reports {
		if report.After(at) {
			return report.Sub(at), true
		}
	}
	return 0, false
}

// relayedPair is two nodes that reach each other through relays.
func relayedPair(t *testing.T) (one *httpTransport, atOne, atTwo *ledger, relays []*transporttest.Relay) {
	t.Helper()
	atOne, atTwo = newLedger(), newLedger()
	one, urlOne := openNode(t, 1, "", atOne, newTiming)
	two, urlTwo := openNode(t, 2, "", atTwo, newTiming)
	for _, url := range []string{urlOne, urlTwo} {
		relays = append(relays, transporttest.NewRelay(t, strings.TrimPrefix(url, "http://")))
	}
	connect(t, one, 2, "http://"+relays[1].Address())
	connect(t, two, 1, "http://"+relays[0].Address())
	waitWriter(t, one, 2, messageStream)
	waitWriter(t, one, 2, appendStream)
	return one, atOne, atTwo, relays
}

// numbered is a message to node 2 that its commit index tells from all others.
func numbered(t *testing.T, kind uint32, number uint64) transport.Envelope {
	t.Helper()
	payload := encode(t, pluginv1.Message{Type: kind, From: 1, To: 2, Term: 1, Commit: number})
	return transport.Envelope{Group: 1, To: 2, From: 1, Class: class(uint64(kind)), Payload: payload}
}

// await waits for what must come soon.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// B5: a peer stands still, a thousand messages are queued for it, and its
// connections break. Within a second the host hears of it, and none of the
// thousand comes when the peer is back.
func TestB5StalledPeerIsReportedWithinASecond(t *testing.T) {
	one, atOne, atTwo, relays := relayedPair(t)
	for _, r := range relays {
		r.Stall()
	}
	const messages = 1000
	for n := range uint64(messages) {
		if err := one.Send(context.Background(), []transport.Envelope{numbered(t, raftmsg.TypeHeartbeat, n+1)}); err != nil {
			t.Fatal(err)
		}
	}
	cut := time.Now()
	for _, r := range relays {
		r.Cut()
	}
	await(t, "a report", func() bool { _, ok := atOne.reportAfter(cut); return ok })
	if took, _ := atOne.reportAfter(cut); took > reportLimit {
		t.Errorf("the host heard of it after %v, at most %v are allowed", took, reportLimit)
	}
	for _, r := range relays {
		r.Heal()
	}
	last := numbered(t, raftmsg.TypeHeartbeat, messages+1)
	await(t, "a message after the break", func() bool {
		if err := one.Send(context.Background(), []transport.Envelope{last}); err != nil {
			t.Fatal(err)
		}
		return atTwo.has(messages + 1)
	})
	for n := range uint64(messages) {
		if atTwo.has(n + 1) {
			t.Fatalf("message %d came, which had been queued before the break", n+1)
		}
	}
}

// B5: while connections break again and again, every message that was accepted
// comes, or a report follows it within a second. A minute of it: -b5 1m.
func TestB5EveryMessageArrivesOrIsReported(t *testing.T) {
	one, atOne, atTwo, relays := relayedPair(t)
	end := time.Now().Add(*breaksFor)
	var count atomic.Uint64
	var mu sync.Mutex
	sent := map[uint64]time.Time{}
	var running sync.WaitGroup
	for _, kind := range []uint32{raftmsg.TypeHeartbeat, raftmsg.TypeApp, raftmsg.TypeHeartbeat, raftmsg.TypeApp} {
		running.Go(func() {
			for time.Now().Before(end) {
				n, at := count.Add(1), time.Now()
				if err := one.Send(context.Background(), []transport.Envelope{numbered(t, kind, n)}); err != nil {
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
		for _, r := range relays {
			r.Break()
		}
	}
	running.Wait()
	for _, r := range relays {
		r.Break() // what is lost now is reported
	}
	lost := 0
	for n, at := range sent {
		await(t, "a message, or a report of it", func() bool { _, ok := atOne.reportAfter(at); return ok || atTwo.has(n) })
	}
	for n, at := range sent {
		if atTwo.has(n) {
			continue
		}
		lost++
		if took, _ := atOne.reportAfter(at); took > reportLimit {
			t.Errorf("message %d did not come, and the next report came %v later, at most %v are allowed", n, took, reportLimit)
		}
	}
	if lost == 0 || lost == len(sent) {
		t.Errorf("of %d messages %d were lost by %d breaks: nothing was tried", len(sent), lost, breaks)
	}
	t.Logf("%d messages, %d breaks, %d lost and reported", len(sent), breaks, lost)
}
