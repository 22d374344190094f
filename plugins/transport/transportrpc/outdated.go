package transportrpc

import (
	"slices"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// maxBroken is how many peers are remembered as unreachable before those are
// forgotten of which the host has heard.
const maxBroken = 1024

// begin returns how many messages have been taken before a stream.
func (q *inbound) begin() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken
}

// current leaves out, in place, the envelopes that are outdated: the host,
// which had received the message numbered heard and none after it, did not
// know yet that their peer's connection had broken. They are reported, but not
// as another break, which would make those outdated too that follow them.
//
// Without this, what was between host and plugin when a connection broke would
// go out on the next one (statement B5).
func (q *inbound) current(envelopes []transport.Envelope, heard uint64) []transport.Envelope {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.broken) == 0 || q.closed {
		return envelopes
	}
	if len(q.broken) > maxBroken {
		for peer, number := range q.broken {
			if number <= heard {
				delete(q.broken, peer)
			}
		}
	}
	outdated := func(e transport.Envelope) bool { return q.broken[e.To] > heard }
	if !slices.ContainsFunc(envelopes, outdated) {
		return envelopes
	}
	for i := range envelopes {
		if outdated(envelopes[i]) {
			q.report(transport.Event{
				Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: envelopes[i].To,
				Detail: "the message was on its way to the plugin when the connection broke",
			})
		}
	}
	wake.Up(q.wake)
	return slices.DeleteFunc(envelopes, outdated)
}
