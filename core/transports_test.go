package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Members that run one transport, the other, or both work together as far as
// they have one in common; one that has none says so.
func TestMembersWithDifferentTransports(t *testing.T) {
	l := newLines(t, "old", "new")
	l.found(map[member.ID][]string{1: {"new", "old"}, 2: {"old"}, 3: {"new", "old"}, 4: {"new"}, 5: {"old", "new"}})
	l.leadBySomeoneInReach()
	for _, m := range l.members {
		l.propose(m.ID, "by "+m.ID.String())
	}
	l.carries("old", 1, 2)
	l.carries("new", 1, 3)
	l.carries("new", 1, 4)
	l.carries("old", 2, 5)
	l.carries("new", 4, 5)
	// Which of two prevails is for the leader to say.
	if l.service(1).Status().Leader != 3 {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		if _, err := l.service(l.service(1).Status().Leader).TransferLeader(ctx, 3); err != nil {
			t.Fatal(err)
		}
	}
	l.eventually("two followers to prefer their own first", func() bool {
		return l.link(1, 5).Transport == "new" && l.link(5, 1).Transport == "old"
	})
	if x := l.link(1, 5); !slices.Equal(x.Usable, []string{"new", "old"}) {
		t.Errorf("node 5 can be reached from 1 by %v", x.Usable)
	}
	for _, way := range [][2]member.ID{{2, 4}, {4, 2}} {
		x := l.link(way[0], way[1])
		if x.Transport != "" || len(x.Usable) != 0 || !strings.Contains(x.Error, "none of its peer URLs ("+lineURL(l.runs[way[1]][0], way[1])+")") {
			t.Errorf("%s says of its way to %s: %+v", way[0], way[1], x)
		}
	}
	l.leadBySomeoneInReach() // a leader that does not reach 4 would not hand over to it
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if _, err := l.service(l.service(1).Status().Leader).TransferLeader(ctx, 4); err != nil {
		t.Fatal(err)
	}
	l.eventually("the log to say who cannot be reached", func() bool {
		return l.nodes[4].log.position("a peer cannot be reached peer=2 error=none of its peer URLs") >= 0
	})
	l.leadBySomeoneInReach()
	if got := l.converged(); len(got) != 5 {
		t.Errorf("state is %v", got)
	}
}

// leadBySomeoneInReach makes a member the leader that reaches all others: 2 and
// 4 do not reach each other.
func (l *lines) leadBySomeoneInReach() {
	l.t.Helper()
	l.eventually("a leader in reach of all", func() bool {
		leader := l.service(1).Status().Leader
		if leader == 2 || leader == 4 {
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			_, _ = l.service(leader).TransferLeader(ctx, 1) // tried until it leads
			return false
		}
		return leader != 0
	})
	l.leader()
}

// With the preferred network gone the other one carries everything, and no
// write is lost; when it is back it is used again.
func TestOneNetworkFailsUnderLoad(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	l.leader()
	w := l.write()
	l.all("new")
	w.more(100)
	for _, m := range l.members {
		l.networks["new"].Isolate(uint64(m.ID))
	}
	l.all("old")
	w.more(100)
	l.networks["new"].HealAll()
	l.all("new")
	for _, m := range l.members {
		l.networks["old"].Isolate(uint64(m.ID)) // not needed now
	}
	w.more(100)
	w.check()
}

// A network that swallows everything and says that all is well is left as well:
// the transports notice nothing, the members do.
func TestOneNetworkSwallowsEverything(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	l.leader()
	w := l.write()
	l.all("new")
	for _, a := range l.members {
		for _, b := range l.members {
			l.networks["new"].Hold(uint64(a.ID), uint64(b.ID))
		}
	}
	w.more(300)
	l.networks["new"].HealAll()
	w.more(100)
	w.check()
}

// A transport that dies is started again, alone; the other one carries its
// messages meanwhile.
func TestDeathOfOneOfTwoTransports(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	w := l.write()
	for _, m := range l.members {
		l.all("new")
		l.kill("new", m.ID)
		l.eventually("a restart", func() bool { return l.plugin(m.ID, "new").Restarts == 1 && l.plugin(m.ID, "new").State == "ready" })
		if p := l.plugin(m.ID, "old"); p.Restarts != 0 || p.State != "ready" {
			t.Errorf("the other transport of %s: %+v", m.ID, p)
		}
		w.more(30)
	}
	l.kill("new", 1)
	l.kill("old", 1)
	l.eventually("both to be back", func() bool { return l.plugin(1, "old").Restarts == 1 && l.plugin(1, "new").Restarts == 2 })
	l.all("new")
	w.more(30)
	w.check()
}

// A transport that cannot be used any more is left out; without any the host
// ends.
func TestTransportsThatAreGivenUp(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	l.leader()
	l.all("new")
	l.mu.Lock()
	l.refuse["new3"] = fmt.Errorf("%w: worn out", plugins.ErrInvalidConfig)
	l.refuse["old3"] = l.refuse["new3"]
	l.mu.Unlock()
	l.kill("new", 3)
	l.eventually("a transport that is given up", func() bool {
		p := l.plugin(3, "new")
		return p.State == "failed" && strings.Contains(p.LastError, "worn out")
	})
	l.carries("old", 3, 1)
	l.carries("old", 3, 2)
	l.propose(3, "by the other one")
	if err := l.service(3).Ready(); err != nil {
		t.Errorf("a member with one transport left is not ready: %v", err)
	}
	l.kill("old", 3)
	<-l.nodes[3].host.Failed()
	if err := l.nodes[3].host.Err(); err == nil || !strings.Contains(err.Error(), "transport cannot be used: open transport(old): ") {
		t.Errorf("the host ended with %v", err)
	}
}

// A snapshot goes by the transport that works.
func TestSnapshotGoesByTheOtherTransport(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.tune = func(cfg *core.Config) {
		l.setUp(cfg)
		cfg.SnapshotEntries, cfg.CatchUpEntries = 50, 10
	}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	leader := l.leader()
	behind := l.other(leader)
	l.networks["new"].Isolate(uint64(behind))
	l.networks["old"].Isolate(uint64(behind))
	for i := range 200 {
		l.propose(leader, fmt.Sprint(i))
	}
	l.eventually("a compacted log", func() bool { return l.service(leader).Status().FirstIndex > 50 })
	l.networks["old"].HealAll()
	l.eventually("the follower to have a snapshot", func() bool { return l.service(behind).Status().SnapshotIndex > 0 })
	l.propose(leader, "end")
	if got := l.converged(); len(got) != 201 {
		t.Errorf("state has %d entries", len(got))
	}
}

// A new member with both transports is caught up by the preferred one, and knows
// whom to ask before it knows the members.
func TestMemberJoinsWithTwoTransports(t *testing.T) {
	l := newLines(t, "old", "new")
	both := []string{"new", "old"}
	l.found(map[member.ID][]string{1: both, 2: both, 3: both})
	leader := l.leader()
	l.propose(leader, "before")
	fourth := l.member(4)
	fourth.PeerURLs = []string{lineURL("new", 4), lineURL("old", 4)}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if _, err := l.service(leader).AddMember(ctx, fourth, server.ChangeOptions{}); err != nil {
		t.Fatal(err)
	}
	l.members, l.runs[4] = append(l.members, fourth), both
	l.start(4, false)
	l.eventually("the new member to be ready", func() bool { return l.service(4).Ready() == nil })
	l.propose(4, "after")
	for id := range member.ID(3) {
		l.carries("new", 4, id+1)
	}
	if got := l.converged(); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("state is %v", got)
	}
}

// A removed member is told on whichever transport it calls.
func TestRemovedMemberLearnsItByEitherTransport(t *testing.T) {
	for _, name := range []string{"new", "old"} {
		t.Run(name, func(t *testing.T) {
			l := newLines(t, "old", "new")
			both := []string{"new", "old"}
			l.found(map[member.ID][]string{1: both, 2: both, 3: both})
			leader := l.leader()
			gone := l.other(leader)
			for _, n := range l.networks {
				n.Isolate(uint64(gone))
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			if _, err := l.service(l.leader(others(l, gone)...)).RemoveMember(ctx, gone, server.ChangeOptions{}); err != nil {
				t.Fatal(err)
			}
			l.networks[name].HealAll()
			<-l.nodes[gone].host.Failed()
			if err := l.nodes[gone].host.Err(); !errors.Is(err, core.ErrRemoved) {
				t.Errorf("the removed member ended with %v", err)
			}
		})
	}
}

func others(l *lines, not member.ID) []member.ID {
	var ids []member.ID
	for _, m := range l.members {
		if m.ID != not {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// Transports that could not be told apart are refused at the start.
func TestTransportsThatDoNotGoTogether(t *testing.T) {
	for _, tc := range []struct {
		name string
		tune func(*core.Config)
		want string
	}{
		{"none", func(cfg *core.Config) { cfg.Transports = nil }, "a host needs a transport"},
		{"one twice", func(cfg *core.Config) { cfg.Transports[1] = cfg.Transports[0] }, "two transports are called new"},
		{"a URL of the other's", func(cfg *core.Config) { cfg.Transports[1].Advertise = cfg.Transports[0].Advertise }, "cannot advertise new://node-1:1: it serves URLs that begin with old"},
		{"one scheme", func(cfg *core.Config) {
			create := cfg.Backends[2].NewTransport
			cfg.Backends[2].NewTransport = func(env backend.Env) transport.Transport { return unlike{create(env)} }
			cfg.Transports[0].Advertise, cfg.Transports[1].Advertise = nil, nil
		}, "both serve old URLs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLines(t, "old", "new")
			l.runs[1] = []string{"new", "old"}
			l.members = append(l.members, l.member(1))
			n := fresh()
			cfg := l.config(n, 1, true)
			slices.SortFunc(cfg.Backends[2:], func(a, b backend.Backend) int { return strings.Compare(a.Name, b.Name) })
			tc.tune(&cfg)
			h, err := core.New(cfg)
			if err == nil {
				ctx, cancel := context.WithTimeout(context.Background(), wait)
				defer cancel()
				if err = h.Start(ctx); err == nil {
					_ = h.Stop(ctx)
				}
			}
			if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// unlike states the old scheme, whatever it is; see TestTransportsThatDoNotGoTogether.
type unlike struct{ transport.Transport }

func (u unlike) Describe() plugins.Info {
	info := u.Transport.Describe()
	info.Capabilities = []plugins.Capability{transport.Scheme("old")}
	return info
}

// The whole move, under load: each member gets the new transport beside the old
// one, then the new addresses, then loses the old transport, then the old
// addresses. Nothing that was acknowledged is lost.
func TestClusterMovesToAnotherTransport(t *testing.T) {
	l := newLines(t, "old", "new")
	l.found(map[member.ID][]string{1: {"old"}, 2: {"old"}, 3: {"old"}})
	l.leader()
	w := l.write()
	w.more(50)
	step := func(change func(member.ID)) {
		for _, m := range l.members {
			change(m.ID)
			l.leader()
			w.more(30)
		}
	}
	step(func(id member.ID) { l.restart(id, "new", "old") })
	l.all("old")
	step(func(id member.ID) { l.update(id, "new", "old") })
	l.all("new")
	step(func(id member.ID) { l.restart(id, "new") })
	step(func(id member.ID) { l.update(id, "new") })
	l.all("new")
	w.check()
	for _, m := range l.members {
		for _, x := range l.service(m.ID).Status().Links {
			if !slices.Equal(x.Usable, []string{"new"}) {
				t.Errorf("%s reaches %s by %v", m.ID, x.ID, x.Usable)
			}
		}
	}
}

// update gives a member the URLs of some transports.
func (l *lines) update(id member.ID, names ...string) {
	l.t.Helper()
	change := member.Member{ID: id}
	for _, name := range names {
		change.PeerURLs = append(change.PeerURLs, lineURL(name, id))
	}
	l.eventually("an update of "+id.String(), func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		_, err := l.service(l.leader()).UpdateMember(ctx, change, server.ChangeOptions{})
		return err == nil
	})
}
