package transportrpc_test

import (
	"sync/atomic"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// holder is a handler that counts how often its plugin was held up.
type holder struct {
	*recorder
	times atomic.Int32
}

func (h *holder) HeldUp(time.Duration) { h.times.Add(1) }

func (h *holder) heardLast() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.envelopes)
	return n > 0 && string(h.envelopes[n-1].Payload) == "last"
}

// A plugin that tells more than an honest one ever does is held up, whatever it tells; its
// messages, of any number, cost it nothing.
func TestAPluginThatTellsTooMuchIsHeldUp(t *testing.T) {
	lost := pluginv1.RaftInbound{Events: []transport.Event{{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: 2}}}
	full := pluginv1.RaftInbound{}
	for range 4096 {
		full.Events = append(full.Events, lost.Events[0])
	}
	message := pluginv1.RaftInbound{Envelopes: []transport.Envelope{{Group: 1, From: 2, To: 1, Payload: []byte("m")}}}
	for name, c := range map[string]struct {
		says  pluginv1.RaftInbound
		times int
		held  bool
	}{
		"two full messages":                   {full, 2, false},
		"three full messages":                 {full, 3, true},
		"one event in each message":           {lost, 10_000, true},
		"nothing":                             {pluginv1.RaftInbound{}, 10_000, true},
		"events that this host does not know": {pluginv1.RaftInbound{Events: []transport.Event{{Type: 99}}}, 10_000, true},
		"messages":                            {message, 10_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &liar{address: "x:1"}
			for range c.times {
				l.inbound = append(l.inbound, c.says)
			}
			last := message
			last.Envelopes = []transport.Envelope{message.Envelopes[0]}
			last.Envelopes[0].Payload = []byte("last")
			l.inbound = append(l.inbound, last)
			h := &holder{recorder: newRecorder()}
			if _, err := l.dial(t, h); err != nil {
				t.Fatal(err)
			}
			for late := time.After(time.Minute); !h.heardLast(); {
				select {
				case <-h.told:
				case <-late:
					t.Fatal("the last message did not come")
				}
			}
			if held := h.times.Load() > 0; held != c.held {
				t.Errorf("held up: %t", held)
			}
		})
	}
}
