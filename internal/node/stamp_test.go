package node

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// plain is the data of an entry below member.StampLevel.
func (p Proposal) plain() []byte { return withHeader(p.data, false) }

func plainCommand(id RequestID, data []byte) []byte {
	return withHeader(encodeCommand(id, data), false)
}

func stampedCommand(stamp uint64) []byte {
	b := withHeader(encodeCommand(RequestID{Origin: 2, Number: 1}, []byte("x")), true)
	putStamp(b, stamp)
	return b
}

// clock of a simulated node: the simulation's, wrong by what the node's is wrong, and
// sometimes an hour off. Nothing is drawn, so the schedules stay what they are.
func (n *simNode) clock() uint64 {
	at := 1_000_000_000 + n.s.moment
	switch phase := (n.s.moment/500 + uint64(n.id)) % 7; phase {
	case 0:
		return at + 3_600_000
	case 1:
		return at - 3_600_000
	default:
		return at + phase
	}
}

// passTime moves the time of a node's state machine on. It must be the same on every
// node that applies the entry, whenever that is, and never go back.
func (n *simNode) passTime(at place, c Command) {
	if c.Index <= n.index {
		return
	}
	n.time = Time(n.time, []Command{c})
	if old, ok := n.s.times[at]; ok && old != n.time {
		n.s.t.Fatalf("node %s applies entry %d at time %d, another did at %d", n.id, c.Index, n.time, old)
	}
	n.s.times[at] = n.time
}

// A clock for tests; peers are the clocks of the others, by id.
type testClocks struct {
	own   uint64
	peers map[uint64]uint64
}

// stamped is a leader of a cluster at the level of stamps.
func stamped(t *testing.T, count int, k *testClocks, tune ...func(*Config)) *trio {
	t.Helper()
	n := newVoters(t, count, append([]func(*Config){understanding(member.StampLevel), func(c *Config) {
		c.Clock, c.MaxClockDifference = func() uint64 { return k.own }, 10_000
	}}, tune...)...)
	n.core.registry = n.core.registry.Raise(member.StampLevel)
	n.elect()
	n.showClocks(k)
	return n
}

// showClocks has the peers answer a heartbeat.
func (n *trio) showClocks(k *testClocks) {
	for id, clock := range k.peers {
		m := &pb.Message{Type: pb.MsgHeartbeatResp.Enum(), From: new(id), To: new(uint64(1)), Term: new(n.term)}
		n.core.hear(heard{m, gossip{clock: clock, level: member.StampLevel, run: id}})
	}
}

// proposed is the stamp of an entry that this leader appends now.
func (n *trio) proposed() uint64 {
	n.t.Helper()
	n.must(n.core.Propose([]Proposal{NewProposal(RequestID{Origin: 1, Number: 9}, []byte("x"))}))
	n.settle()
	h, _, err := decodeCommand(n.core.log.tail[len(n.core.log.tail)-1].GetData())
	n.must(err)
	return h.stamp
}

const (
	second = 1000
	hour   = 3600 * second
	year   = 365 * 24 * hour
	noon   = 60 * year
)

// The stamp of a leader is its clock, within the bound of what a majority of the voters'
// clocks has reached, and never before the last one. So a clock that jumped is outvoted,
// on the leader and elsewhere; and a cluster that was down for a week has a week more.
func TestAStampIsWhatAMajorityOfClocksSays(t *testing.T) {
	for name, x := range map[string]struct {
		voters     int
		own        uint64
		peers      map[uint64]uint64
		last, want uint64
		moved      bool
	}{
		"all agree":                          {3, noon, map[uint64]uint64{2: noon, 3: noon}, 0, noon, false},
		"a little apart":                     {3, noon, map[uint64]uint64{2: noon - 2*second, 3: noon + 3*second}, 0, noon, false},
		"the leader is a year ahead":         {3, noon + year, map[uint64]uint64{2: noon, 3: noon + second}, noon, noon + 11*second, true},
		"the leader is an hour behind":       {3, noon - hour, map[uint64]uint64{2: noon, 3: noon}, noon - hour, noon - 10*second, true},
		"it was right before":                {3, noon - hour, map[uint64]uint64{2: noon, 3: noon}, noon, noon, true},
		"another one is a year ahead":        {3, noon, map[uint64]uint64{2: noon + year, 3: noon}, 0, noon, false},
		"another one is a year behind":       {3, noon, map[uint64]uint64{2: noon - year, 3: noon}, 0, noon, false},
		"one is silent":                      {3, noon, map[uint64]uint64{2: noon}, 0, noon, false},
		"one is silent, the leader is ahead": {3, noon + year, map[uint64]uint64{2: noon}, 0, noon + 10*second, true},
		"both others are behind":             {3, noon, map[uint64]uint64{2: noon - hour, 3: noon - hour}, 0, noon - hour + 10*second, true},
		"two of five lie":                    {5, noon, map[uint64]uint64{2: MaxTime + 1, 3: MaxTime, 4: noon, 5: noon}, 0, noon, false},
		"two of five lie, and it is ahead":   {5, noon + hour, map[uint64]uint64{2: noon, 3: noon, 4: noon, 5: MaxTime}, 0, noon + 10*second, true},
		"two voters":                         {2, noon + year, map[uint64]uint64{2: noon}, 0, noon + 10*second, true},
		"a lone voter":                       {1, noon, nil, noon - year, noon, false},
		"after a week without power":         {3, noon, map[uint64]uint64{2: noon, 3: noon}, noon - 7*24*hour, noon, false},
		"the last stamp is ahead":            {3, noon, map[uint64]uint64{2: noon, 3: noon}, noon + 9*second, noon + 9*second, false},
		"a learner's clock has no vote":      {3, noon + year, map[uint64]uint64{2: noon, 7: noon + year, 8: noon + year}, 0, noon + 10*second, true},
		"the end of time":                    {3, 1 << 63, map[uint64]uint64{2: MaxTime, 3: MaxTime}, 0, MaxTime, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := &testClocks{x.own, x.peers}
			var log bytes.Buffer
			n := stamped(t, x.voters, k, func(c *Config) {
				c.Time = x.last
				c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			})
			for range 3 {
				if got := n.proposed(); got != x.want {
					t.Fatalf("stamp %d, want %d: %d off", got, x.want, int64(got)-int64(x.want))
				}
			}
			const line = "the clock of this leader"
			if got := strings.Count(log.String(), line); (n.core.stamps.moved == 3) != x.moved || (got == 1) != x.moved {
				t.Errorf("%d stamps were counted as moved, %d lines in the log; moved: %t", n.core.stamps.moved, got, x.moved)
			}
		})
	}
}

// A voter that is down counts with what its clock shows now, not with its last word. By that
// an hour later a leader whose clock is behind would set the time behind by an hour.
func TestAClockThatWasHeardGoesOn(t *testing.T) {
	k := &testClocks{own: noon - 2*hour, peers: map[uint64]uint64{2: noon, 3: noon}}
	n := stamped(t, 3, k, func(c *Config) { c.Tick = time.Second })
	if got := n.proposed(); got != noon-10*second {
		t.Fatalf("stamp %d at noon, want the bound", got)
	}
	n.live(3600, 2)
	k.own, k.peers = k.own+hour, map[uint64]uint64{2: noon + hour}
	n.showClocks(k)
	const first = second // tick, which counts for nothing
	if got := n.proposed(); got != noon+hour-first-10*second {
		t.Errorf("stamp %d an hour later: %d ms off", got, int64(got)-(noon+hour-first-10*second))
	}
	n.live(60, 2)
	k.own += 60 * second
	if got := n.proposed(); got != noon+hour-first+50*second {
		t.Errorf("stamp %d a minute later, without another word: %d ms off", got, int64(got)-(noon+hour-first+50*second))
	}
	n.core.stamps.hear(2, MaxTime, n.core.hearing.ticks)
	n.core.stamps.hear(3, MaxTime, n.core.hearing.ticks)
	n.live(60, 2)
	if got := n.proposed(); got != MaxTime-10*second {
		t.Errorf("stamp %d at the end of time", got)
	}
}

// A word may come just before a tick, and is then not a tick old when it ends: a clock that
// was heard is never said to show more than it does, however the word and the ticks fall.
func TestAClockThatWasHeardIsNotAheadOfItself(t *testing.T) {
	const length = 100 * time.Millisecond
	for heard := range uint64(300) { // milliseconds after the first tick
		r := reading{clock: noon + heard, at: heard / 100}
		for now := heard; now < heard+1000; now++ {
			if said := r.after(now/100, length); said > noon+now || said+200 < noon+now {
				t.Fatalf("a clock that was heard %d ms after a tick is said to show %d ms at %d ms", heard, said-noon, now)
			}
		}
	}
}

// A leader does not stamp by a guess: until it has heard the clocks of a majority its
// proposals wait, and those that others forward are refused for what passes. The votes
// of an election say what the clocks show, so this is over when it begins.
func TestALeaderThatDoesNotKnowTheTimeTakesNothing(t *testing.T) {
	k := &testClocks{own: noon}
	n := stamped(t, 3, k)
	if n.core.Room() != 0 {
		t.Error("there is room for proposals")
	}
	if err := n.core.Propose(manyProposals(1, 1)); !errors.Is(err, ErrDropped) {
		t.Errorf("a proposal: %v", err)
	}
	if h := (heard{message: &pb.Message{From: new(uint64(2))}}); n.core.refusal(h, &taking{}) != busy {
		t.Error("what is forwarded is not refused as by a leader that is busy")
	}
	vote := &pb.Message{Type: pb.MsgVoteResp.Enum(), From: new(uint64(2)), To: new(uint64(1)), Term: new(n.term)}
	n.core.hear(heard{vote, gossip{clock: noon + second}})
	if n.core.Room() == 0 {
		t.Error("there is no room, and a majority has said the time")
	}
	if got := n.proposed(); got != noon {
		t.Errorf("stamp %d, want %d", got, uint64(noon))
	}
}

// A new leader begins after the last stamp in its log, whether that is committed or not.
func TestANewLeaderGoesOnAfterTheLastStamp(t *testing.T) {
	k := &testClocks{noon, map[uint64]uint64{2: noon, 3: noon}}
	n := stamped(t, 3, k)
	n.supersede(n.core.lastIndex()+1, storage.Entry{Data: stampedCommand(noon + 5*second)}, storage.Entry{Data: stampedCommand(noon + 2*second)})
	n.live(2*n.core.cfg.ElectionTicks + 1)
	n.elect()
	n.showClocks(k)
	if got := n.proposed(); got != noon+5*second {
		t.Errorf("stamp %d, want %d", got, uint64(noon+5*second))
	}
}

// The leader stamps what others forward, whatever they have put there. A plain
// proposal, of a member that has not applied the raise yet, has no stamp.
func TestTheLeaderStampsWhatIsForwarded(t *testing.T) {
	k := &testClocks{noon, map[uint64]uint64{2: noon, 3: noon}}
	n := stamped(t, 3, k)
	for name, x := range map[string]struct {
		data []byte
		want uint64
	}{
		"with a stamp": {stampedCommand(noon + year), noon},
		"plain":        {plainCommand(RequestID{Origin: 2, Number: 1}, []byte("x")), 0},
	} {
		entries := proposalEntries([][]byte{x.data})
		n.core.stamp(entries)
		h, payload, err := decodeCommand(entries[0].GetData())
		if err != nil || h.stamp != x.want || h.id != (RequestID{Origin: 2, Number: 1}) || string(payload) != "x" {
			t.Errorf("%s: %+v, %q, %v", name, h, payload, err)
		}
	}
}

// A leader that has not applied the raise yet knows no clocks. What a member that has
// applied it forwards meanwhile gets no time. A time of 1970 would let each key with a
// deadline expire at once, and the stamp of that member cannot be trusted.
func TestALeaderBelowTheLevelGivesNoTime(t *testing.T) {
	n := newTrio(t)
	n.elect()
	if n.core.stamping() {
		t.Fatal("the cluster is at the level: the test does not show what it should")
	}
	entries := proposalEntries([][]byte{stampedCommand(noon + year)})
	n.core.stamp(entries)
	if h, _, err := decodeCommand(entries[0].GetData()); err != nil || h.stamp != 0 {
		t.Errorf("stamp %d, %v; want none", h.stamp, err)
	}
}

// The time of an entry is the largest stamp up to it, however the log is cut and
// whatever the stamps are. Entries without a stamp have the time before them.
func TestTheTimeNeverGoesBack(t *testing.T) {
	var entries []storage.Entry
	want := []uint64{0, 5, 5, 5, 9, 9}
	for i, data := range [][]byte{plainCommand(RequestID{Origin: 1, Number: 1}, []byte("x")), stampedCommand(5), nil, stampedCommand(3), stampedCommand(9), plainCommand(RequestID{Origin: 1, Number: 2}, []byte("x"))} {
		entries = append(entries, storage.Entry{Index: uint64(i + 1), Term: 1, Data: data})
	}
	for cut := range entries {
		at := Replayed{Registry: &member.Registry{}}
		if err := errors.Join(at.Add(entries[:cut]), at.Add(entries[cut:])); err != nil || at.Time != 9 {
			t.Fatalf("cut at %d: time %d, %v", cut, at.Time, err)
		}
		commands, err := Commands(entries[:cut+1])
		if err != nil || Time(0, commands) != want[cut] {
			t.Errorf("after %d entries: time %d, want %d, %v", cut+1, Time(0, commands), want[cut], err)
		}
	}
}

// A header that no build writes is refused, and one of a newer build is known as such.
func TestHeadersOfCommands(t *testing.T) {
	future := stampedCommand(0)
	binary.BigEndian.PutUint64(future[stampAt:], MaxTime+1)
	flagged := stampedCommand(1)
	flagged[1] = 0x80
	for name, x := range map[string]struct {
		data        []byte
		good, newer bool
	}{
		"plain":                      {plainCommand(RequestID{Origin: 1, Number: 1}, []byte("x")), true, false},
		"stamped":                    {stampedCommand(MaxTime), true, false},
		"nothing":                    {nil, false, false},
		"version 0":                  {make([]byte, 40), false, false},
		"short":                      {[]byte{plainVersion, 1}, false, false},
		"short for a stamp":          {append([]byte{stampedVersion}, make([]byte, 24)...), false, false},
		"stamp beyond the end":       {future, false, false},
		"a flag":                     {flagged, false, true},
		"a tick":                     {encodeTick(), true, false},
		"a tick with data":           {append(encodeTick(), 'x'), false, false},
		"the next version":           {[]byte{3}, false, true},
		"no version of the host's":   {[]byte("garbage"), false, false},
		"the last of the host's own": {[]byte{0xEF}, false, false},
	} {
		_, _, err := decodeCommand(x.data)
		if (err == nil) != x.good || errors.Is(err, member.ErrNewer) != x.newer {
			t.Errorf("%s: %v", name, err)
		}
	}
}
