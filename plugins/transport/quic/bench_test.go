package quictransport

import (
	"context"
	"fmt"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// counter is a handler that counts messages.
type counter struct {
	events
	arrived chan int
}

func (c *counter) Deliver(envelopes []transport.Envelope) { c.arrived <- len(envelopes) }

// BenchmarkLoopback sends appends of entries of 256 B over loopback UDP, as the
// benchmark of the same name of the http transport does over TCP. window is how
// many messages may be on their way: 1 shows latency.
func BenchmarkLoopback(b *testing.B) {
	for _, c := range []struct{ entries, window int }{{64, 1}, {64, 16}, {1, 1}, {1, 256}} {
		b.Run(fmt.Sprintf("entries=%d/window=%d", c.entries, c.window), func(b *testing.B) {
			got := &counter{arrived: make(chan int, 1<<16)}
			sender, urlOne := openWith(b, newTiming, testOptions(1, ""), &events{})
			receiver, urlTwo := openWith(b, newTiming, testOptions(2, ""), got)
			connect(b, sender, 2, urlTwo)
			connect(b, receiver, 1, urlOne)
			eventually(b, "a connection", func() bool {
				return endpointOf(sender).Roster.Named()[2].link.Load() != nil && endpointOf(receiver).Roster.Named()[1].link.Load() != nil
			}, nil)
			m := pluginv1.Message{Type: 3, From: 1, To: 2, Term: 1, LogTerm: 1}
			for i := range c.entries {
				m.Entries = append(m.Entries, pluginv1.Entry{Term: 1, Index: uint64(i + 1), Data: make([]byte, 256)})
			}
			e := transport.Envelope{Group: 1, To: 2, From: 1, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: encode(b, m)}
			b.ReportAllocs()
			b.SetBytes(int64(len(e.Payload)))
			flying := 0
			for b.Loop() {
				if err := sender.Send(context.Background(), []transport.Envelope{e}); err != nil {
					b.Fatal(err)
				}
				for flying++; flying >= c.window; {
					flying -= <-got.arrived
				}
			}
			for flying > 0 {
				flying -= <-got.arrived
			}
		})
	}
}
