package node

import (
	"slices"
	"testing"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// seen are the durations that an Observer was given, in seconds.
type seen []float64

// Observe implements Observer.
func (s *seen) Observe(seconds float64) { *s = append(*s, seconds) }

// clocked is a leader of three that observes round trips, at a time that the test sets.
func clocked(t *testing.T) (l *trio, trips map[member.ID]*seen) {
	t.Helper()
	trips = map[member.ID]*seen{2: {}, 3: {}}
	l = newVoters(t, 3, func(cfg *Config) { cfg.RoundTrip = func(id member.ID) Observer { return trips[id] } })
	l.core.now = time.Now()
	l.core.trips.since = l.core.now.Add(-time.Hour)
	l.elect()
	l.must(l.core.Tick()) // the peers are known to the watch
	l.settle()
	return l, trips
}

// heartbeats ticks the leader and returns what its heartbeats say of their time, by receiver.
func (l *trio) heartbeats() map[uint64]uint64 {
	l.t.Helper()
	l.out.Messages = nil
	l.must(l.core.Tick())
	l.settle()
	said := map[uint64]uint64{}
	for _, e := range l.out.Messages {
		m, g, err := decodeAll(e.Payload, l.core.limits)
		l.must(err)
		if m.GetType() == pb.MsgHeartbeat {
			said[m.GetTo()] = g.sent
		}
	}
	return said
}

// echo is the answer of a peer to a heartbeat.
func (l *trio) echo(from, term, sent uint64) {
	l.core.hear(heard{gossip: gossip{sent: sent}, message: &pb.Message{
		Type: pb.MsgHeartbeatResp.Enum(), From: new(from), To: new(uint64(1)), Term: new(term),
	}})
}

// A leader observes for each follower how long a heartbeat and its answer took, by its own
// clock. Nothing else is observed: an answer that cannot be one to a heartbeat of this reign.
func TestALeaderObservesRoundTrips(t *testing.T) {
	l, trips := clocked(t)
	said := l.heartbeats()
	if said[2] == 0 || said[3] == 0 {
		t.Fatalf("heartbeats say %v", said)
	}
	l.core.now = l.core.now.Add(3 * time.Millisecond)
	l.echo(3, l.term, said[3])
	l.core.now = l.core.now.Add(80 * time.Millisecond)
	l.echo(2, l.term, said[2])
	l.echo(2, l.term-1, said[2])
	l.echo(2, l.term, 0)
	l.echo(2, l.term, l.core.elapsed()+1)
	l.echo(2, l.term, 1<<63)
	if got := *trips[2]; !slices.Equal(got, seen{0.083}) {
		t.Errorf("round trips to 2: %v, want 83 ms once", got)
	}
	if got := *trips[3]; !slices.Equal(got, seen{0.003}) {
		t.Errorf("round trips to 3: %v, want 3 ms once", got)
	}
}

// A follower answers a heartbeat with what that says of its time, once: of several that came
// at once with what the first one says, and never with what an earlier tick brought.
func TestAFollowerAnswersWithTheTimeOfTheHeartbeat(t *testing.T) {
	l := newTrio(t)
	beat := func(sent uint64) {
		m := &pb.Message{Type: pb.MsgHeartbeat.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(uint64(2)), Commit: new(uint64(0))}
		l.core.hear(heard{message: m, gossip: gossip{sent: sent}})
	}
	answers := func(n int) (said []uint64) {
		l.out.Messages = nil
		for range n {
			l.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(uint64(2)), Commit: new(uint64(0))})
		}
		for _, e := range l.out.Messages {
			_, g, err := decodeAll(e.Payload, l.core.limits)
			l.must(err)
			said = append(said, g.sent)
		}
		return said
	}
	beat(700)
	if got := answers(1); !slices.Equal(got, []uint64{700}) {
		t.Errorf("answered %v, want 700", got)
	}
	beat(800)
	beat(900)
	if got := answers(2); !slices.Equal(got, []uint64{800, 0}) {
		t.Errorf("two at once are answered %v, want 800 and nothing", got)
	}
	beat(1000)
	l.must(l.core.Tick())
	if got := answers(1); !slices.Equal(got, []uint64{0}) {
		t.Errorf("a later heartbeat is answered with %v", got)
	}
}

// A Core that no Node runs has no clock, and says nothing of it: what it puts out is the same
// each time.
func TestACoreAloneHasNoClock(t *testing.T) {
	l := newTrio(t)
	l.elect()
	for to, sent := range l.heartbeats() {
		if sent != 0 {
			t.Errorf("the heartbeat to %d says %d", to, sent)
		}
	}
}

// The time from the admission of a proposal until it is handed in is observed, for each.
func TestTheWaitOfProposalsIsObserved(t *testing.T) {
	var waits seen
	l := newVoters(t, 3, func(cfg *Config) { cfg.Queued = &waits })
	l.elect()
	n := New(l.core, statePorts{})
	n.core.now = time.Now()
	for i, waited := range []time.Duration{time.Millisecond, 40 * time.Millisecond} {
		p := NewProposal(RequestID{Origin: 1, Number: uint64(i + 1)}, []byte("x"))
		p.Since = n.core.now.Add(-waited)
		n.Propose(p)
	}
	if _, err := n.handIn(nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(waits, seen{0.001, 0.04}) {
		t.Errorf("waits %v, want 1 ms and 40 ms", waits)
	}
}

// The leader's view of a follower says what it lacks, as soon as the follower has said what
// it has, how much of that was sent, and how long ago it was heard.
func TestTheLagOfAFollower(t *testing.T) {
	l := newVoters(t, 3, func(cfg *Config) { cfg.MaxUncommittedBytes = 1 << 20 })
	l.elect()
	of := func(id member.ID) Progress {
		for _, p := range l.core.Progress() {
			if p.ID == id {
				return p
			}
		}
		t.Fatalf("no progress of %s", id)
		return Progress{}
	}
	for i := range 5 {
		l.must(l.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: uint64(i + 1)}, make([]byte, 1000))}))
		l.settle()
	}
	l.ack(2)
	if p := of(2); p.Lag == nil || *p.Lag != (Lag{}) || p.SilentTicks != 0 {
		t.Errorf("a follower that has everything: %+v, lag %+v", p, p.Lag)
	}
	size := uint64(len(NewProposal(RequestID{}, make([]byte, 1000)).plain()))
	if p := of(3); p.Lag == nil || *p.Lag != (Lag{Entries: 5, Bytes: 5 * size, InFlight: 5 * size}) {
		t.Errorf("a follower that has acknowledged none of five: lag %+v, want 5 of %d bytes", p.Lag, size)
	}
	for range 4 {
		l.must(l.core.Tick())
		l.settle()
		l.from(2, pb.MsgHeartbeatResp, &pb.Message{})
	}
	if heard, silent := of(2), of(3); heard.SilentTicks != 0 || silent.SilentTicks != 4 {
		t.Errorf("silent for %d and %d ticks, want 0 and 4", heard.SilentTicks, silent.SilentTicks)
	}
}

// Of a follower that has said nothing yet in this reign it is not known what it has: a lag of
// the whole log would be an alarm with each election.
func TestTheLagIsUnknownBeforeAWordOfTheFollower(t *testing.T) {
	l := newTrio(t)
	for l.core.raft.BasicStatus().RaftState.String() != "StateLeader" {
		l.must(l.core.Tick())
		l.settle()
		for _, id := range []uint64{2, 3} {
			if term := l.core.raft.BasicStatus().GetTerm(); !l.core.leads() {
				l.from(id, pb.MsgPreVoteResp, &pb.Message{Term: new(term + 1)})
				l.from(id, pb.MsgVoteResp, &pb.Message{Term: new(l.core.raft.BasicStatus().GetTerm())})
			}
		}
	}
	l.term = l.core.term
	if p := l.core.Progress()[0]; p.Match != 0 || p.Lag != nil {
		t.Errorf("at once: %+v, lag %+v", p, p.Lag)
	}
	l.must(l.core.Tick())
	l.settle()
	l.from(2, pb.MsgHeartbeatResp, &pb.Message{})
	p := l.core.Progress()[0]
	if p.Lag == nil || p.Lag.Entries != l.core.lastIndex() {
		t.Errorf("a follower that answers and has acknowledged nothing: %+v, lag %+v", p, p.Lag)
	}
	l.ack(2)
	if p := l.core.Progress()[0]; p.Lag == nil || p.Lag.Entries != 0 {
		t.Errorf("after it has acknowledged all: lag %+v", p.Lag)
	}
}
