package quictransport

import (
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// B5: the path to a peer is lost without a word, with a thousand messages on their way.
// Within a second the host hears of that, long before the connection times out.
func TestB5ALostPathIsReportedWithinASecond(t *testing.T) {
	p := newPair(t, newTiming, "")
	reports := func() int { return p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2) }
	before := reports()
	p.relay.Cut()
	cut := time.Now()
	for n := range uint64(1000) {
		send(t, p.one, beat(t, 1, 2, 5000+n))
	}
	eventually(t, "a report", func() bool { return reports() > before }, nil)
	if took := time.Since(cut); took > transporttest.ReportLimit {
		t.Errorf("the host heard of it after %v, at most %v are allowed", took, transporttest.ReportLimit)
	}
	if p.atOne.count(pluginv1.EventType_EVENT_INACTIVE, 2) != 0 {
		t.Error("the connection ended; the report is to come before that")
	}
	p.relay.Heal()
	p.pass(t, 3)
}

// A peer owes when nothing has come since something was written, and at no other time:
// not if nothing was written, and not while packets come, whatever they are. It is told
// once in a silence, and the longer the way the later.
func TestWhatAPeerOwes(t *testing.T) {
	const span = 100 * time.Millisecond
	var o owed
	st := quic.ConnectionStats{PacketsReceived: 7}
	looks := func(n int) (told int) {
		for range n {
			if o.look(st, span) {
				told++
			}
		}
		return told
	}
	if looks(10*mostLooks) != 0 {
		t.Error("a peer to which nothing was written owes")
	}
	o.wrote(st)
	if looks(mostLooks-1) != 0 {
		t.Error("the peer was given less time than it has")
	}
	o.wrote(st)
	if looks(10*mostLooks) != 1 {
		t.Error("a silence was not told once, though more was written in it")
	}
	st.PacketsReceived++
	if looks(10*mostLooks) != 0 {
		t.Error("a peer that has answered owes")
	}
	st.SmoothedRTT = span
	o.wrote(st)
	if looks(mostLooks+3) != 0 || looks(1) != 1 {
		t.Error("a longer way has not four round trips more")
	}
	for range 3 * mostLooks {
		st.PacketsReceived++
		o.wrote(st)
		if looks(mostLooks-1) != 0 {
			t.Error("a peer whose packets come owes")
		}
	}
}
