package httptransport

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

var breaksFor = flag.Duration("b5", 2*time.Second,
	"how long TestB5EveryMessageArrivesOrIsReported sends while connections break; the statement asks for a minute")

// relayedPair is two nodes that reach each other through relays.
func relayedPair(t *testing.T) (one *opened, atOne, atTwo *transporttest.Ledger, relays []*transporttest.Relay) {
	t.Helper()
	atOne, atTwo = transporttest.NewLedger(), transporttest.NewLedger()
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
		if err := one.Send(context.Background(), []transport.Envelope{transporttest.Heartbeat(t, n+1)}); err != nil {
			t.Fatal(err)
		}
	}
	cut := time.Now()
	for _, r := range relays {
		r.Cut()
	}
	eventually(t, "a report comes", func() bool { _, ok := atOne.ReportAfter(cut); return ok })
	if took, _ := atOne.ReportAfter(cut); took > transporttest.ReportLimit {
		t.Errorf("the host heard of it after %v, at most %v are allowed", took, transporttest.ReportLimit)
	}
	for _, r := range relays {
		r.Heal()
	}
	last := transporttest.Heartbeat(t, messages+1)
	eventually(t, "a message comes after the break", func() bool {
		if err := one.Send(context.Background(), []transport.Envelope{last}); err != nil {
			t.Fatal(err)
		}
		return atTwo.Has(messages + 1)
	})
	for n := range uint64(messages) {
		if atTwo.Has(n + 1) {
			t.Fatalf("message %d came, which had been queued before the break", n+1)
		}
	}
}

// B5: while connections break again and again, every message that was accepted
// comes, or a report follows it within a second. A minute of it: -b5 1m.
func TestB5EveryMessageArrivesOrIsReported(t *testing.T) {
	one, atOne, atTwo, relays := relayedPair(t)
	transporttest.EveryMessageArrivesOrIsReported(t, one, atOne, atTwo, *breaksFor, func() {
		for _, r := range relays {
			r.Break()
		}
	})
}
