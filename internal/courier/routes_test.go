package courier

import (
	"slices"
	"testing"
	"time"
)

const hold = time.Second

// begun is when these tests begin.
func begun() time.Time { return time.Unix(1000, 0) }

// twoWays are routes to peer 7 that both of two running transports reach.
func twoWays() *routes {
	r := newRoutes(2, hold)
	r.start(0)
	r.start(1)
	r.set(map[uint64][]bool{7: {true, true}}, begun())
	return r
}

// chosen is the transport for the next message to peer 7.
func chosen(t *testing.T, r *routes, now time.Time, want int) {
	t.Helper()
	if got := r.choose(7, now).transport; got != want {
		t.Errorf("transport %d carries, want %d", got, want)
	}
}

func TestFirstTransportThatWorksCarries(t *testing.T) {
	t0 := begun()
	for _, tc := range []struct {
		name   string
		before func(*routes)
		want   int
	}{
		{"nothing is known", func(*routes) {}, 0},
		{"only the second is connected", func(r *routes) { r.connection(7, 1, true, begun()) }, 1},
		{"both are connected", func(r *routes) { r.connection(7, 1, true, begun()); r.connection(7, 0, true, begun()) }, 0},
		{"the first has lost something, and the second is connected", func(r *routes) {
			r.connection(7, 0, true, begun())
			r.connection(7, 1, true, begun())
			r.loss(7, 0, t0)
		}, 1},
		{"the first has lost something, and the second is not connected", func(r *routes) {
			r.connection(7, 0, true, begun())
			r.loss(7, 0, t0)
		}, 0},
		{"the first has lost something, and neither is connected", func(r *routes) { r.loss(7, 0, t0) }, 1},
		{"the first lost its connection", func(r *routes) {
			r.connection(7, 0, true, begun())
			r.connection(7, 1, true, begun())
			r.connection(7, 0, false, begun())
			r.loss(7, 0, t0)
		}, 1},
		{"the first does not run", func(r *routes) { r.end(0, t0.Add(-time.Hour)) }, 1},
		{"neither runs", func(r *routes) { r.end(0, t0); r.end(1, t0) }, 0},
		{"the peer has no URL for the first", func(r *routes) { r.set(map[uint64][]bool{7: {false, true}}, begun()) }, 1},
		{"the peer has no URL", func(r *routes) { r.set(map[uint64][]bool{7: {false, false}}, begun()) }, noWay},
		{"the peer is unknown", func(r *routes) { r.set(nil, begun()) }, 0},
		{"the peer is unknown and called by the second", func(r *routes) { r.set(nil, begun()); r.heard(7, 1, t0) }, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := twoWays()
			tc.before(r)
			chosen(t, r, t0, tc.want)
		})
	}
}

// A transport whose connection comes and goes is left at the first loss, and
// preferred again when it has lost nothing for a while.
func TestAPeerIsNotMovedToAndFro(t *testing.T) {
	r := twoWays()
	now := time.Unix(1000, 0)
	r.connection(7, 0, true, begun())
	r.connection(7, 1, true, begun())
	chosen(t, r, now, 0)
	moves := 0
	const rounds = 1000
	for range rounds { // a break and a new connection in each tenth of the time
		now = now.Add(hold / 10)
		r.heard(7, 1, now)
		r.connection(7, 0, false, begun())
		r.loss(7, 0, now)
		r.connection(7, 0, true, begun())
		if r.choose(7, now).moved {
			moves++
		}
	}
	if moves != 1 {
		t.Errorf("moved %d times, want once", moves)
	}
	r.heard(7, 1, now)
	chosen(t, r, now.Add(hold-1), 1)
	r.heard(7, 1, now)
	chosen(t, r, now.Add(hold), 0)
}

// A network may swallow everything without a word. The peer is given to the other
// transport long before an election, and stays with it for a while.
func TestSilenceIsALoss(t *testing.T) {
	r := twoWays()
	now := time.Unix(1000, 0)
	r.connection(7, 0, true, begun())
	r.connection(7, 1, true, begun())
	for range 20 { // each is answered: it stays where it is
		now = now.Add(hold / 10)
		chosen(t, r, now, 0)
		r.heard(7, 0, now)
	}
	now = now.Add(time.Hour) // nothing was said, so nothing was to be answered
	chosen(t, r, now, 0)
	chosen(t, r, now.Add(hold/2-1), 0)
	now = now.Add(hold / 2)
	if got := r.choose(7, now); got != (choice{transport: 1, moved: true, silent: true}) {
		t.Errorf("after a silence: %+v", got)
	}
	r.heard(7, 1, now)
	chosen(t, r, now.Add(silence*hold-1), 1)
	r.heard(7, 1, now)
	chosen(t, r, now.Add(silence*hold), 0)
	// One that says itself that the connection broke is believed that it is back.
	r.silent(r.peers[7], now.Add(time.Hour))
	r.loss(7, 0, now)
	r.heard(7, 1, now)
	chosen(t, r, now.Add(hold), 0)
}

// Without another transport for a peer there is nothing to doubt.
func TestSilenceOfAPeerWithOneWay(t *testing.T) {
	alone := newRoutes(1, hold)
	alone.start(0)
	alone.set(map[uint64][]bool{7: {true}}, begun())
	oneURL := twoWays()
	oneURL.set(map[uint64][]bool{7: {true, false}}, begun())
	otherDown := twoWays()
	now := time.Unix(1000, 0)
	otherDown.end(1, now)
	for name, r := range map[string]*routes{"one transport": alone, "one URL": oneURL, "the other does not run": otherDown} {
		for i := range 10 {
			if got := r.choose(7, now.Add(time.Duration(i)*hold)); got != (choice{}) {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}

// A member answers the leader by the transport by which the leader speaks, and
// lets the leader find out which one works.
func TestTheLeaderIsFollowed(t *testing.T) {
	r := twoWays()
	now := time.Unix(1000, 0)
	r.connection(7, 0, true, begun())
	r.connection(7, 1, true, begun())
	r.heard(7, 1, now)
	chosen(t, r, now, 0)
	r.leader = 7
	chosen(t, r, now, 1)
	r.heard(7, 0, now)
	chosen(t, r, now, 0)
	r.heard(7, 1, now)
	chosen(t, r, now.Add(hold-1), 1)
	r.heard(7, 1, now)
	chosen(t, r, now.Add(hold), 0) // it has not spoken for long
	r.heard(7, 1, now)
	r.loss(7, 1, now)
	chosen(t, r, now, 0) // what it speaks by does not take an answer
	r.end(1, now)
	r.heard(7, 1, now.Add(hold))
	chosen(t, r, now.Add(hold), 0)
}

// With both transports broken each of them is tried in its turn.
func TestBothBroken(t *testing.T) {
	r := twoWays()
	now := time.Unix(1000, 0)
	var tried []int
	for range 6 {
		k := r.choose(7, now).transport
		tried = append(tried, k)
		now = now.Add(hold / 10)
		r.loss(7, k, now)
	}
	if want := []int{0, 1, 0, 1, 0, 1}; !slices.Equal(tried, want) {
		t.Errorf("tried %v, want %v", tried, want)
	}
}

// Raft hears of what was lost, once, and never of a transport that had nothing.
func TestRaftHearsOnlyOfLosses(t *testing.T) {
	now := time.Unix(1000, 0)
	r := twoWays()
	if r.loss(7, 1, now) {
		t.Error("told of the second transport, which was given nothing")
	}
	chosen(t, r, now, 0)
	if r.loss(7, 1, now) {
		t.Error("told of the second transport, when the first was given something")
	}
	if !r.loss(7, 0, now) {
		t.Error("not told of a loss")
	}
	if r.loss(7, 0, now) {
		t.Error("told twice of one loss")
	}
	r.connection(7, 1, true, begun())
	chosen(t, r, now, 1)
	if got := r.end(0, now); len(got) != 0 {
		t.Errorf("told of %v at the end of a transport that had nothing", got)
	}
	if got := r.end(1, now); !slices.Equal(got, []uint64{7}) {
		t.Errorf("told of %v at the end of a transport, want peer 7", got)
	}
	// With one transport raft hears everything, as that transport says it.
	one := newRoutes(1, hold)
	one.set(map[uint64][]bool{7: {true}}, begun())
	for _, peer := range []uint64{7, 7, 8} {
		if !one.loss(peer, 0, now) {
			t.Errorf("a report of the only transport about %d was kept back", peer)
		}
	}
}

// Knowledge of a peer outlives a change of another one's addresses.
func TestPeersThatStayKeepTheirWay(t *testing.T) {
	r := twoWays()
	now := time.Unix(1000, 0)
	r.connection(7, 1, true, begun())
	chosen(t, r, now, 1)
	r.set(map[uint64][]bool{7: {true, true}, 8: {true, false}}, begun())
	chosen(t, r, now, 1)
	r.set(map[uint64][]bool{7: {true, false}}, begun())
	chosen(t, r, now, 0)
	r.connection(7, 1, false, begun()) // as a transport says that is not given the peer any more
	r.set(map[uint64][]bool{7: {true, true}}, begun())
	chosen(t, r, now, 0)
}

// Strangers cannot fill the memory.
func TestStrangersAreBounded(t *testing.T) {
	r := newRoutes(2, hold)
	for id := range uint64(10 * maxStrangers) {
		r.heard(id, 1, time.Unix(1000, 0))
	}
	if len(r.strangers) > maxStrangers {
		t.Errorf("%d strangers are remembered", len(r.strangers))
	}
}

// A member may connect before the log that is replayed here says that it is
// one. Its transport says so once.
func TestAConnectionOfAStrangerIsThatOfThePeer(t *testing.T) {
	r := newRoutes(2, hold)
	r.start(0)
	r.start(1)
	r.connection(7, 0, true, begun())
	r.connection(8, 0, true, begun())
	r.connection(8, 0, false, begun())
	r.set(map[uint64][]bool{7: {true, true}, 8: {true, true}}, begun())
	r.connection(7, 1, true, begun())
	r.connection(8, 1, true, begun())
	if c := r.choose(7, time.Unix(1000, 0)); c.transport != 0 {
		t.Errorf("peer 7, connected by the preferred transport: %+v", c)
	}
	if c := r.choose(8, time.Unix(1000, 0)); c.transport != 1 {
		t.Errorf("peer 8, whose connection has gone: %+v", c)
	}
}

// A peer that was sent nothing is not silent: after a change of leaders two
// followers may have nothing to say to each other for hours.
func TestAConversationThatEndedIsNoSilence(t *testing.T) {
	r := newRoutes(2, hold)
	r.start(0)
	r.start(1)
	r.set(map[uint64][]bool{7: {true, true}}, begun())
	r.connection(7, 0, true, begun())
	r.connection(7, 1, true, begun())
	now := time.Unix(1000, 0)
	r.heard(7, 0, now)
	r.choose(7, now)
	now = now.Add(time.Hour)
	if c := r.choose(7, now); c.silent || c.moved {
		t.Errorf("the first message in an hour: %+v", c)
	}
	for range 10 { // and now it is spoken to, and does not answer
		now = now.Add(hold / 10)
		if r.choose(7, now).silent {
			return
		}
	}
	t.Error("a peer that answers nothing is not noticed")
}

// A peer that one transport has lost and the other one has not is connected,
// whichever carries its messages; so is a sender that is not a peer.
func TestAPeerIsConnectedByAnyTransport(t *testing.T) {
	r := newRoutes(2, time.Second)
	r.set(map[uint64][]bool{2: {true, true}}, begun())
	r.start(0)
	r.start(1)
	now := time.Now()
	r.connection(2, 0, true, begun())
	r.connection(2, 1, true, begun())
	if c := r.choose(2, now); c.transport != 0 {
		t.Fatalf("its messages go by %d", c.transport)
	}
	r.connection(2, 0, false, begun())
	r.connection(9, 1, true, begun())
	if !r.connected(2) || !r.connected(9) || r.connected(3) {
		t.Error("the second transport's connections do not count, or some that are not there")
	}
	if r.end(1, now); r.connected(2) || r.connected(9) {
		t.Error("what the second transport had still counts after its end")
	}
}

// A peer is apart since the last connection with it ended, whichever transport had it,
// and from the beginning if there never was one.
func TestSinceWhenAPeerIsApart(t *testing.T) {
	r := newRoutes(2, hold)
	at := func(n int) time.Time { return time.Unix(int64(1000+n), 0) }
	r.set(map[uint64][]bool{7: {true, true}}, at(0))
	for _, step := range []struct {
		name string
		do   func()
		want time.Time
	}{
		{"never met", func() { r.set(map[uint64][]bool{7: {true, true}}, at(1)) }, at(0)},
		{"met by one", func() { r.connection(7, 0, true, at(2)) }, time.Time{}},
		{"met by both", func() { r.connection(7, 1, true, at(3)) }, time.Time{}},
		{"left by one", func() { r.connection(7, 0, false, at(4)) }, time.Time{}},
		{"the other has ended", func() { r.end(1, at(5)) }, at(5)},
		{"and once more", func() { r.connection(7, 0, false, at(6)) }, at(5)},
	} {
		if step.do(); !r.peers[7].apart.Equal(step.want) {
			t.Errorf("%s: apart since %v, want %v", step.name, r.peers[7].apart, step.want)
		}
	}
}
