package transportrpc

import (
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Messages that the host made before it heard of a break do not go out on the next
// connection: they are left out, and reported as lost. Those that it made after that go,
// and so do those for another peer. The report of what was left out is not another break.
// Rule TR-21.
func TestWhatWasMadeBeforeABreakIsLeftOut(t *testing.T) {
	q, _ := newQueue()
	q.Notify([]transport.Event{{Type: pluginv1.EventType_EVENT_UNREACHABLE, Peer: 2}})
	var told pluginv1.RaftInbound
	if !q.take(&told) {
		t.Fatal("the break is not told")
	}
	q.recycle(&told)
	const before, after = 0, 1 // so many messages has the host received
	out := func(heard uint64) (to []uint64) {
		for _, e := range q.current([]transport.Envelope{{To: 2}, {To: 3}, {To: 2}}, heard) {
			to = append(to, e.To)
		}
		return to
	}
	if got := out(before); len(got) != 1 || got[0] != 3 {
		t.Errorf("of those for 2, 3 and 2 from before the break go those for %v", got)
	}
	var lost pluginv1.RaftInbound
	if !q.take(&lost) || len(lost.Events) != 1 || lost.Events[0].Peer != 2 || lost.Events[0].Type != pluginv1.EventType_EVENT_UNREACHABLE {
		t.Errorf("what was left out is reported as %v", lost.Events)
	}
	if got := out(after); len(got) != 3 {
		t.Errorf("of those from after it go those for %v", got)
	}
}
