package quictransport

import (
	"errors"
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

var breaksFor = flag.Duration("b5", 2*time.Second,
	"how long TestB5EveryMessageArrivesOrIsReported sends while connections break; the statement asks for a minute")

// keptPair is two connected nodes at the default timings.
func keptPair(t *testing.T, atOne, atTwo transport.Handler, has func(number uint64) bool) (one, two *opened) {
	t.Helper()
	one, urlOne := openWith(t, newTiming, testOptions(1, ""), atOne)
	two, urlTwo := openWith(t, newTiming, testOptions(2, ""), atTwo)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	eventually(t, "a first message", func() bool { return has(0) }, func() { send(t, one, transporttest.Heartbeat(t, 0)) })
	return one, two
}

// endLink has a node end its connection with a peer, which hears of it.
func endLink(e *opened, peer uint64) {
	if l := endpointOf(e).Roster.Named()[peer].link.Load(); l != nil {
		l.fail(closeProtocol, errors.New("the test ends it"))
	}
}

// B5: while the peer ends its connections again and again, every message that was
// accepted comes, or a report follows it within a second. A minute of it: -b5 1m.
func TestB5EveryMessageArrivesOrIsReported(t *testing.T) {
	atOne, atTwo := transporttest.NewLedger(), transporttest.NewLedger()
	one, two := keptPair(t, atOne, atTwo, atTwo.Has)
	transporttest.EveryMessageArrivesOrIsReported(t, one, atOne, atTwo, *breaksFor, func() { endLink(two, 1) })
}

// standing is a handler that stands still at a message until it is let go.
type standing struct {
	*transporttest.Ledger
	stands atomic.Bool
	goOn   chan struct{}
}

func (s *standing) Deliver(envelopes []transport.Envelope) {
	if s.stands.Load() {
		<-s.goOn
	}
	s.Ledger.Deliver(envelopes)
}

// B5: a peer stands still, a thousand messages are on their way to it, and it ends the
// connection. Within a second the host hears of that. Nothing tells of a path that is
// lost: the silence of the link ends it (TestB5LostPath).
func TestB5StalledPeerIsReportedWithinASecond(t *testing.T) {
	atOne, atTwo := transporttest.NewLedger(), &standing{Ledger: transporttest.NewLedger(), goOn: make(chan struct{})}
	one, two := keptPair(t, atOne, atTwo, atTwo.Has)
	defer close(atTwo.goOn)
	atTwo.stands.Store(true)
	for n := range uint64(1000) {
		send(t, one, transporttest.Heartbeat(t, n+1))
	}
	ended := time.Now()
	endLink(two, 1)
	eventually(t, "a report", func() bool { _, ok := atOne.ReportAfter(ended); return ok }, nil)
	if took, _ := atOne.ReportAfter(ended); took > transporttest.ReportLimit {
		t.Errorf("the host heard of it after %v, at most %v are allowed", took, transporttest.ReportLimit)
	}
	if atTwo.Has(1000) {
		t.Error("the peer did not stand still")
	}
}

// B5: after a connection has ended that was older than the least time between two dials,
// one of fifty heartbeats, a millisecond apart, gets through.
func TestB5HeartbeatsAfterABreak(t *testing.T) {
	atOne, atTwo := transporttest.NewLedger(), transporttest.NewLedger()
	one, two := keptPair(t, atOne, atTwo, atTwo.Has)
	for round := range uint64(5) {
		<-time.After(newTiming(0).Redial)
		link := endpointOf(one).Roster.Named()[2].link.Load()
		endLink(two, 1)
		eventually(t, "the end of the connection", func() bool { return endpointOf(one).Roster.Named()[2].link.Load() != link }, nil)
		came := func() bool {
			for n := range uint64(50) {
				if atTwo.Has(100*(round+1) + n) {
					return true
				}
			}
			return false
		}
		for try := uint64(0); !came() && try < 50; try++ {
			send(t, one, transporttest.Heartbeat(t, 100*(round+1)+try))
			<-time.After(time.Millisecond)
		}
		eventually(t, "one of 50 heartbeats", came, nil) // the peer may be slow to take them
	}
}
