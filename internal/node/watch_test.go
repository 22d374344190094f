package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func (n *trio) tick(count int) {
	n.t.Helper()
	for range count {
		n.must(n.core.Tick())
		n.settle()
	}
}

// stalled is what the leader says of a peer.
func (n *trio) stalled(id member.ID) (uint64, string) {
	for _, p := range n.core.Progress() {
		if p.ID == id {
			return p.StalledTicks, p.Why
		}
	}
	return 0, "no such peer"
}

// The age of the oldest uncommitted entry counts from when there was one, and
// ends when a quorum has it. At rest there is none.
func TestOldestUncommitted(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.tick(5)
	if age := l.core.watch.uncommitted(); age != 0 {
		t.Fatalf("at rest the oldest uncommitted entry is %d ticks old", age)
	}
	l.must(l.core.Propose(someProposal()))
	l.settle()
	l.tick(1)
	l.must(l.core.Propose(someProposal()))
	l.settle()
	l.tick(7)
	if age := l.core.watch.uncommitted(); age != 7 {
		t.Errorf("the oldest uncommitted entry is %d ticks old, want 7", age)
	}
	l.ack(2)
	l.tick(1)
	if age := l.core.watch.uncommitted(); age != 0 {
		t.Errorf("everything is committed, and yet something is %d ticks old", age)
	}
}

// A leader knows which follower gets nowhere, since when, and why.
func TestAFollowerThatGetsNowhere(t *testing.T) {
	answers := func(l *trio) {
		l.from(2, pb.MsgHeartbeatResp, &pb.Message{})
	}
	for _, tc := range []struct {
		name string
		each func(*trio) // what happens in each tick
		why  string
	}{
		{"silent", func(*trio) {}, "does not answer"},
		{"swallowed", answers, "what is large may not reach it"},
		{"lost", func(l *trio) {
			answers(l)
			l.must(l.core.Unreachable(2))
		}, "messages to it are lost"},
		{"refused", func(l *trio) {
			answers(l)
			l.says(2, Refusing)
		}, "it refuses messages"},
		{"snapshot", func(l *trio) {
			answers(l)
			l.core.SnapshotFailed(2, errors.New("no route to host"), Gone{})
		}, "a snapshot did not reach it: no route to host"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTrio(t)
			l.elect()
			l.must(l.core.Propose(someProposal()))
			l.settle()
			for range 20 {
				l.tick(1)
				tc.each(l)
				l.ack(3)
			}
			if ticks, why := l.stalled(2); ticks < 19 || !strings.Contains(why, tc.why) {
				t.Errorf("2 is stalled for %d ticks: %s; want 20: %s", ticks, why, tc.why)
			}
			if ticks, _ := l.stalled(3); ticks > 0 {
				t.Errorf("3 has everything, and is stalled for %d ticks", ticks)
			}
			l.ack(2)
			l.tick(1)
			if ticks, why := l.stalled(2); ticks > 0 {
				t.Errorf("2 has everything, and is stalled for %d ticks: %s", ticks, why)
			}
		})
	}
}

// A follower whose log can never fit rejects every append. The leader does not
// answer every rejection by the same append, and says what keeps the follower.
func TestFutileRejectsAreBounded(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.must(l.core.Propose(someProposal()))
	l.settle()
	appends := func() (count int) {
		for _, m := range l.out.Messages {
			if got, err := decode(m.Payload, l.core.limits); err == nil && m.To == 2 && got.GetType() == pb.MsgApp {
				count++
			}
		}
		l.out.Messages = nil
		return count
	}
	const ticks = 5
	appends()
	for range ticks {
		l.tick(1)
		l.from(2, pb.MsgHeartbeatResp, &pb.Message{})
		for range 1000 {
			at := l.core.progressOf(2).Next - 1
			l.from(2, pb.MsgAppResp, &pb.Message{Index: new(at), Reject: new(true), RejectHint: new(at - 1)})
		}
	}
	if n := appends(); n == 0 || n > 6*ticks {
		t.Errorf("%d appends in %d ticks answer 1000 rejections each", n, ticks)
	}
	if _, why := l.stalled(2); !strings.Contains(why, "its log does not fit at entry") {
		t.Errorf("2 gets nowhere because %s", why)
	}
}

// The condition of a member comes with heartbeats and their answers, and not
// with other messages; a member that says nothing is well.
func TestGossip(t *testing.T) {
	l := newTrio(t)
	l.core.refusing = true
	limits := messageLimits{entry: int(plugins.DefaultLimits().MaxEntryBytes), message: plugins.DefaultLimits().MaxMessageBytes()}
	for kind, want := range map[pb.MessageType]Condition{pb.MsgHeartbeat: Refusing, pb.MsgHeartbeatResp: Refusing, pb.MsgPreVote: 0} {
		m := &pb.Message{Type: kind.Enum(), From: new(uint64(1)), To: new(uint64(2)), Term: new(uint64(3))}
		l.core.encoder.gossip = l.core.gossip(m)
		payload, err := l.core.encoder.encode(m)
		l.must(err)
		_, g, err := decodeAll(payload, limits)
		l.must(err)
		if g.condition != want {
			t.Errorf("%s says %q, want %q", kind, g.condition, want)
		}
	}
}

// A transport may let in what a peer has made up. It is refused, counted and in the log.
func TestMessagesThatNoHonestPeerSendsAreRefused(t *testing.T) {
	for name, e := range map[string]transport.Envelope{
		"from no member":                  {From: 0},
		"from this member":                {From: 1},
		"a snapshot by its class":         {From: 2, Class: pluginv1.MessageClass_CLASS_SNAPSHOT},
		"to another than in its envelope": {From: 2, To: 3},
	} {
		n := follower(t)
		e.Group, e.To = 1, max(e.To, 1)
		beat := pluginv1.Message{Type: uint32(pb.MsgHeartbeat), From: e.From, To: 1, Term: 1}
		payload, err := beat.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		e.Payload = payload
		n.Deliver([]transport.Envelope{e})
		if waits := n.box.take(inputs{}); len(waits.messages) > 0 || n.Refused() != 1 || n.LastRefusal() == nil {
			t.Errorf("%s: %d messages wait, %d were refused: %+v", name, len(waits.messages), n.Refused(), n.LastRefusal())
		}
	}
}

// Refusals for one reason are counted each, and logged once.
func TestRefusalsAreCounted(t *testing.T) {
	n := follower(t)
	for i := range 50 {
		n.refuse(2, fmt.Errorf("entry %d is too large", i/49))
	}
	last := n.LastRefusal()
	if n.Refused() != 50 || last == nil || last.From != 2 || last.Reason != "entry 1 is too large" {
		t.Errorf("%d refusals, the last one %+v", n.Refused(), last)
	}
	if !n.refusals.tick(10) {
		t.Error("it does not know that it refuses")
	}
	for range 10 {
		n.refusals.tick(10)
	}
	if n.refusals.tick(10) {
		t.Error("it still refuses an election timeout later")
	}
}

// A follower that has all there is and answers no more is named as well: with
// nothing to send, a path that is cut in one direction would show nowhere. The
// follower hears its leader and is content.
func TestASilentFollowerIsNamedThoughThereIsNothingForIt(t *testing.T) {
	l := newTrio(t)
	l.elect()
	l.live(30, 2)
	if ticks, why := l.stalled(3); ticks < 15 || ticks > 30 || !strings.Contains(why, "does not answer") {
		t.Errorf("3 is stalled for %d ticks: %s", ticks, why)
	}
	if ticks, why := l.stalled(2); ticks > 0 {
		t.Errorf("2 answers and has everything, and is stalled for %d ticks: %s", ticks, why)
	}
	l.live(1, 2, 3)
	l.tick(1)
	if ticks, why := l.stalled(3); ticks > 0 {
		t.Errorf("3 answers again, and is stalled for %d ticks: %s", ticks, why)
	}
}
