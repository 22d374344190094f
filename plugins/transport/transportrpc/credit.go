package transportrpc

import (
	"context"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// eventsPerSecond is how many events a host takes from a plugin in the long run. An
	// honest one tells of connections that come and go, and of losses, of which each waits
	// once for a peer: some dozens for each member.
	eventsPerSecond = 16 << 10
	// eventsAtOnce may come at one time, as after a cut of the whole network.
	eventsAtOnce = 2 * maxEvents
)

// A Holder is a handler that wants to know for how long its plugin was held up because it
// told more than its host takes.
type Holder interface{ HeldUp(d time.Duration) }

// told is what a message costs of a plugin's credit: its events, also those that this
// version does not know. One with nothing in it costs as much as an event.
func told(m *pluginv1.RaftInbound) int {
	if len(m.Envelopes) == 0 {
		return max(1, len(m.Events))
	}
	return len(m.Events)
}

// holdUp reads nothing more of a plugin that has told too much until it has credit again:
// the flood waits in the plugin, and so do the messages that it has for this host.
func (c *Client) holdUp(told int) error {
	if told == 0 {
		return nil
	}
	wait := c.credit.Spend(told, time.Now())
	if wait == 0 {
		return nil
	}
	if h, ok := c.handler.(Holder); ok {
		h.HeldUp(wait)
	}
	if !pause.For(c.ctx, wait) {
		return context.Cause(c.ctx)
	}
	return nil
}
