package transportrpc

import (
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// blockedStream is a Raft stream on which the plugin says something of its own
// while it takes a part of what the host sends.
type blockedStream struct {
	grpc.BidiStreamingClient[pluginv1.RaftOutbound, pluginv1.RaftInbound]
	meanwhile func()
	heard     []uint64
}

func (s *blockedStream) SendMsg(m any) error {
	s.heard = append(s.heard, m.(*pluginv1.RaftOutbound).Heard)
	s.meanwhile()
	return nil
}

// A Send that waits, before or between its parts, while the plugin reports a
// break of the connection says in every part what the host knew before: its
// messages are outdated, and the plugin leaves them out.
// Rule TR-21.
func TestPartsOfABlockedSendKnowNothingNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClient(nil, plugins.Info{})
		stream := &blockedStream{meanwhile: func() { c.heard.Add(1) }}
		c.stream = stream
		c.end.SetOpened(plugins.Options{Limits: plugins.DefaultLimits()})
		envelopes := make([]transport.Envelope, 3)
		for i := range envelopes {
			envelopes[i] = transport.Envelope{Group: 1, To: 2, Payload: make([]byte, plugins.DefaultLimits().MaxBatchBytes)}
		}
		c.heard.Store(4)
		c.sending <- struct{}{} // another Send waits for the plugin
		done := make(chan error)
		go func() { done <- c.Send(t.Context(), envelopes) }()
		synctest.Wait()
		c.heard.Store(9)
		<-c.sending
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(stream.heard, []uint64{5, 5, 5}) {
			t.Errorf("the parts say %v", stream.heard)
		}
	})
}
