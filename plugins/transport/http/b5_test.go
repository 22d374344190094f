package httptransport

import (
	"context"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// B5: after all connections have broken, one of fifty heartbeats, a
// millisecond apart, gets through: the pipeline takes over while streams are
// dialled. That nothing outdated arrives, and that everything lost is
// reported, is for the kit to show (TestConformance/reconnect, loss).
func TestB5HeartbeatsAfterABreak(t *testing.T) {
	receiver := newEvents()
	two, urlTwo := openNode(t, 2, "", receiver)
	one, urlOne := openNode(t, 1, "", newEvents())
	relays := []*transporttest.Relay{
		transporttest.NewRelay(t, strings.TrimPrefix(urlOne, "http://")), transporttest.NewRelay(t, strings.TrimPrefix(urlTwo, "http://")),
	}
	connect(t, one, 2, "http://"+relays[1].Address())
	connect(t, two, 1, "http://"+relays[0].Address())
	payload := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 1, To: 2, Term: 1})
	m := []transport.Envelope{{Group: 1, To: 2, From: 1, Payload: payload}}
	for range 5 {
		writer := waitWriter(t, one, 2, messageStream)
		for _, r := range relays {
			r.Break()
		}
		for end := time.Now().Add(20 * time.Second); endpointOf(one).Roster.Named()[2].writers[messageStream].Load() == writer; {
			if time.Now().After(end) {
				t.Fatal("the stream outlives its connection")
			}
			<-time.After(time.Millisecond)
		}
		for len(receiver.arrived) > 0 {
			<-receiver.arrived
		}
		for try := 1; len(receiver.arrived) == 0 && try <= 50; try++ {
			if err := one.Send(context.Background(), m); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Millisecond)
		}
		next(t, "one of 50 heartbeats", receiver.arrived) // the peer may be slow to take them
	}
}
