package quictransport

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// pair is two nodes that know each other; 1 dials a relay in front of 2.
type pair struct {
	one, two       *opened
	atOne, atTwo   *events
	urlOne, urlTwo string
	relay          *transporttest.UDPRelay
}

func newPair(t *testing.T, timing func(time.Duration) timing, config string) *pair {
	t.Helper()
	p := &pair{atOne: &events{}, atTwo: &events{}}
	p.one, p.urlOne = openWith(t, timing, testOptions(1, config), p.atOne)
	p.two, p.urlTwo = openWith(t, timing, testOptions(2, config), p.atTwo)
	p.relay = transporttest.NewUDPRelay(t, strings.TrimPrefix(p.urlTwo, "quic://"), 0)
	p.urlTwo = "quic://" + p.relay.Address()
	connect(t, p.one, 2, p.urlTwo)
	connect(t, p.two, 1)
	establish(t, p.one, p.atTwo, 1, 2)
	establish(t, p.two, p.atOne, 2, 1)
	return p
}

// pass sends messages both ways until one of each arrives.
func (p *pair) pass(t *testing.T, number uint64) {
	t.Helper()
	there, back := beat(t, 1, 2, number), beat(t, 2, 1, number)
	eventually(t, "messages both ways", func() bool {
		return p.atTwo.got(there.Payload) && p.atOne.got(back.Payload)
	}, func() {
		send(t, p.one, there)
		send(t, p.two, back)
	})
}

func snapshotTo(t testing.TB, from, to, size uint64) transport.SnapshotHeader {
	return transport.SnapshotHeader{
		Group: 1, From: from, To: to, Bytes: size,
		Message: encode(t, pluginv1.Message{Type: 7, From: from, To: to, Term: 1}),
	}
}

// zeros is a snapshot's source.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// B6: while snapshots stand still, because their receiver does not read them,
// heartbeats, appends and proposals go both ways on the same connection: one
// Send each, and no loss.
func TestMessagesPassBlockedSnapshots(t *testing.T) {
	p := newPair(t, endless, "max_snapshots: 3")
	begun, release := make(chan struct{}, 3), make(chan struct{})
	p.atTwo.mu.Lock()
	p.atTwo.receive = func(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
		begun <- struct{}{}
		<-release
		_, err := io.Copy(io.Discard, r)
		return err
	}
	p.atTwo.mu.Unlock()
	results := make(chan error, 3)
	const size = 8 * streamWindow
	for range 3 {
		go func() {
			results <- p.one.SendSnapshot(context.Background(), snapshotTo(t, 1, 2, size), io.LimitReader(zeros{}, size))
		}()
	}
	for range 3 {
		<-begun
	}
	reports := p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2)
	// More than a stream's window of each class, with the snapshots' windows full.
	for n := range uint64(40) {
		for _, class := range []pluginv1.MessageClass{
			pluginv1.MessageClass_CLASS_CONTROL, pluginv1.MessageClass_CLASS_APPEND, pluginv1.MessageClass_CLASS_PROPOSAL,
		} {
			m := beat(t, 1, 2, 100+n)
			m.Class = class
			m.Payload = encode(t, pluginv1.Message{Type: 8, From: 1, To: 2, Commit: n, Context: make([]byte, 100<<10+int(class))})
			back := beat(t, 2, 1, 1000*n+uint64(class))
			send(t, p.one, m)
			send(t, p.two, back)
			eventually(t, "a message past snapshots", func() bool {
				return p.atTwo.got(m.Payload) && p.atOne.got(back.Payload)
			}, nil)
		}
	}
	if n := p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2); n != reports {
		t.Errorf("%d reports of lost messages", n-reports)
	}
	close(release)
	for range 3 {
		if err := <-results; err != nil {
			t.Errorf("a snapshot that stood still for a while: %v", err)
		}
	}
}

// hold makes the receiver wait with every snapshot until release is closed.
func (e *events) hold(begun chan<- struct{}, release <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.receive = func(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
		begun <- struct{}{}
		<-release
		_, err := io.Copy(io.Discard, r)
		return err
	}
}

// More snapshots than the receiver takes at one time are told to come back.
func TestTooManySnapshots(t *testing.T) {
	atTwo := &events{}
	one, _ := openWith(t, endless, testOptions(1, "max_snapshots: 4"), &events{})
	two, urlTwo := openWith(t, endless, testOptions(2, "max_snapshots: 1"), atTwo)
	connect(t, one, 2, urlTwo)
	connect(t, two, 1)
	establish(t, one, atTwo, 1, 2)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	atTwo.hold(begun, release)
	first := make(chan error, 1)
	go func() {
		first <- one.SendSnapshot(context.Background(), snapshotTo(t, 1, 2, 8), io.LimitReader(zeros{}, 8))
	}()
	<-begun
	for range 3 {
		err := one.SendSnapshot(context.Background(), snapshotTo(t, 1, 2, 8), io.LimitReader(zeros{}, 8))
		if !errors.Is(err, transport.ErrUnreachable) {
			t.Errorf("got %v, want ErrUnreachable", err)
		}
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// More snapshots than are sent at one time wait, unread, until another has
// ended, and go then. At the least rate those are fewer than the section says.
func TestSnapshotsWaitForOthers(t *testing.T) {
	for config, places := range map[string]int{
		"max_snapshots: 3":                         3,
		"{max_snapshots: 3, snapshot_rate: 65536}": 2,
	} {
		p := newPair(t, newTiming, config)
		begun, release := make(chan struct{}, places+1), make(chan struct{})
		p.atTwo.hold(begun, release)
		results := make(chan error, places+1)
		again := func() {
			results <- p.one.SendSnapshot(context.Background(), snapshotTo(t, 1, 2, 8), io.LimitReader(zeros{}, 8))
		}
		for range places {
			go again()
			<-begun
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		source := &io.LimitedReader{R: zeros{}, N: 8}
		err := p.one.SendSnapshot(ctx, snapshotTo(t, 1, 2, 8), source)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "waiting for others") || source.N != 8 {
			t.Errorf("%s: one more, given up: %v, %d bytes were left unread", config, err, source.N)
		}
		go again()
		close(release)
		for range places + 1 {
			if err := <-results; err != nil {
				t.Errorf("%s: %v", config, err)
			}
		}
	}
}

// B5: the network goes away without a word. Messages sent before are reported,
// and do not arrive when the network is back, but those sent then do.
func TestB5LostPath(t *testing.T) {
	p := newPair(t, quick, "")
	p.relay.Cut()
	before := p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2)
	var sent []transport.Envelope
	for n := range uint64(1000) {
		sent = append(sent, beat(t, 1, 2, 5000+n))
	}
	send(t, p.one, sent...)
	for node, at := range map[uint64]*events{2: p.atOne, 1: p.atTwo} {
		eventually(t, "the peer to be inactive", func() bool { return at.count(pluginv1.EventType_EVENT_INACTIVE, node) > 0 }, nil)
	}
	eventually(t, "a report of the lost messages", func() bool { return p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2) > before }, nil)
	p.relay.Heal()
	p.pass(t, 3)
	for _, m := range sent {
		if p.atTwo.got(m.Payload) {
			t.Fatal("a message arrived that was sent before the path was lost")
		}
	}
}

// A router gives node 1 another port: the connection goes on, and nothing is
// lost.
func TestConnectionSurvivesAnotherPort(t *testing.T) {
	p := newPair(t, quick, "")
	before := p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2)
	link := endpointOf(p.one).Roster.Named()[2].link.Load()
	for n := range uint64(5) {
		p.relay.Rebind()
		there, back := beat(t, 1, 2, 10+n), beat(t, 2, 1, 10+n)
		send(t, p.one, there)
		eventually(t, "the message", func() bool { return p.atTwo.got(there.Payload) }, nil)
		send(t, p.two, back)
		eventually(t, "the message back", func() bool { return p.atOne.got(back.Payload) }, nil)
	}
	if endpointOf(p.one).Roster.Named()[2].link.Load() != link || p.atOne.count(pluginv1.EventType_EVENT_UNREACHABLE, 2) != before {
		t.Error("the connection was replaced")
	}
}

// A node that was killed and starts again is believed at once, though its
// peer has a connection that never times out.
func TestRestartedNodeIsBelieved(t *testing.T) {
	atOne := &events{}
	one, urlOne := openWith(t, endless, testOptions(1, ""), atOne)
	two, urlTwo := openWith(t, endless, testOptions(2, ""), &events{})
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	establish(t, two, atOne, 2, 1)
	// Ends without a word, as a killed process does.
	_ = endpointOf(two).socket.Close()
	again, _ := openWith(t, endless, testOptions(2, ""), &events{})
	connect(t, again, 1, urlOne)
	m := beat(t, 2, 1, 7)
	eventually(t, "a message of the new run", func() bool { return atOne.got(m.Payload) }, func() { send(t, again, m) })
}

// Both dial at the same time, again and again: one connection stays, it is the
// one that the lower id dialled, and both ends use the same.
func TestSimultaneousDials(t *testing.T) {
	for range 10 {
		atOne, atTwo := &events{}, &events{}
		one, urlOne := openWith(t, endless, testOptions(1, ""), atOne)
		two, urlTwo := openWith(t, endless, testOptions(2, ""), atTwo)
		both := make(chan struct{}, 2)
		go func() { connect(t, one, 2, urlTwo); both <- struct{}{} }()
		go func() { connect(t, two, 1, urlOne); both <- struct{}{} }()
		<-both
		<-both
		endpointOf(two).Roster.Named()[1].kick <- struct{}{}
		link := func(tr *opened, id uint64) *link { return endpointOf(tr).Roster.Named()[id].link.Load() }
		eventually(t, "one connection", func() bool {
			a, b := link(one, 2), link(two, 1)
			return a != nil && b != nil && a.dialler == 1 && b.dialler == 1 && endpointOf(one).doors.count() == 0 &&
				endpointOf(two).doors.count() == 1
		}, nil)
		establish(t, one, atTwo, 1, 2)
		establish(t, two, atOne, 2, 1)
	}
}

// B2: a member that the host has not named is answered on the connection that
// it dialled; when the host names it, the connection goes on.
func TestB2UnknownMemberIsAnswered(t *testing.T) {
	atJoiner, atLeader := &events{}, &events{}
	joiner, url := openNode(t, 1, "", atJoiner)
	leader, leaderURL := openNode(t, 2, "", atLeader)
	connect(t, leader, 1, url)
	establish(t, leader, atJoiner, 2, 1)
	establish(t, joiner, atLeader, 1, 2)
	e := endpointOf(joiner)
	l := e.Roster.Get(2).link.Load()
	connect(t, joiner, 2, leaderURL)
	if p := e.Roster.Named()[2]; p == nil || p.link.Load() != l {
		t.Error("the connection did not survive that the host named its peer")
	}
	if n := len(e.Roster.Learned()); n > 0 {
		t.Errorf("%d learned peers are left", n)
	}
}

// B2: however many unknown members call, few are remembered, and none makes
// this node dial anything.
func TestB2UnknownMembersAreBounded(t *testing.T) {
	tr, url := openNode(t, 1, "max_connections_per_address: 256", &events{})
	c := newCaller(t)
	for id := range uint64(100) {
		h := testHello(1000+id, 1)
		h.urls = []string{"quic://127.0.0.1:1"}
		if _, a := c.greet(url, h); a.code != codeWelcome {
			t.Fatalf("caller %d got %+v", id, a)
		}
	}
	e := endpointOf(tr)
	learned := e.Roster.Learned()
	if len(learned) != roster.MaxLearned {
		t.Errorf("%d are remembered, want %d", len(learned), roster.MaxLearned)
	}
	for _, id := range learned {
		if e.Roster.Get(id).urls.Count() > 0 {
			t.Error("it believes where a stranger says that he can be reached")
		}
	}
}

// The facts of a peer say what the connection has shown.
func TestPeerFacts(t *testing.T) {
	p := newPair(t, quick, "")
	peer := endpointOf(p.one).Roster.Named()[2]
	eventually(t, "the peer's facts", func() bool {
		return peer.roundTrip() > 0 && peer.facts.Since.Load() > 0 && peer.facts.Skew.Load() != 0
	}, nil)
	if skew := time.Duration(peer.facts.Skew.Load()); skew.Abs() > 10*time.Second {
		t.Errorf("the same clock is %v ahead of itself", skew)
	}
	var b strings.Builder
	if err := p.one.WriteMetrics(&b); err != nil {
		t.Fatal(err)
	}
	checkMetrics(t, b.String())
}

// A snapshot that trickles never stands still, and is given up like one that does: it
// would keep one of its receiver's places for ever.
func TestASnapshotThatTricklesIsGivenUp(t *testing.T) {
	p := newPair(t, quick, "")
	byByte := time.NewTicker(quick(0).Link / 4)
	defer byByte.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := p.one.SendSnapshot(ctx, snapshotTo(t, 1, 2, 1<<20), trickle(byByte.C))
	if err == nil || ctx.Err() != nil {
		t.Errorf("got %v: %v", err, ctx.Err())
	}
}

// trickle is a snapshot's source of which a byte comes each time.
type trickle <-chan time.Time

func (next trickle) Read(p []byte) (int, error) {
	<-next
	p[0] = 0
	return 1, nil
}
