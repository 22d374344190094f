package core

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// verdict is what the conflicts say of this member itself.
type verdict struct {
	err error
	bar bool // it must not vote or lead
	end bool
	// waits is whether err is that of founders who disagree.
	waits bool
}

// standing is how this member stands with the others. Only voters count: a
// caller that can make a connection can call itself anything, and learners
// decide nothing.
type standing struct {
	self transport.Greeting
	// registered is whether the log of this member has its store, as that of
	// a member whose store was emptied cannot.
	registered bool
	agreeing   int // of the others, those that it has a connection with
	others     int
}

// judge acts on what the conflicts say of this member.
func (i *identity) judge() {
	i.judging.Lock()
	defer i.judging.Unlock()
	i.mu.Lock()
	others := i.others()
	v := judge(i.standing(others), i.heard(others))
	if v.err == nil && i.self.Number == 0 {
		v = waitFor(i.rivals(others))
	}
	before := i.last
	i.last = v
	i.mu.Unlock()
	i.tellOfWaiting(before, v)
	i.h.server.SetConflict(v.err)
	if g := i.h.current(); g != nil && before.bar != v.bar {
		g.node.Do(i.bar)
	}
	if v.end {
		i.end(v.err)
	}
}

// bar tells a node whether it may vote, as it is when the node asks.
func (i *identity) bar(c *node.Core) error {
	i.mu.Lock()
	barred := i.last.bar
	i.mu.Unlock()
	return c.Bar(barred)
}

// standing needs i.mu.
func (i *identity) standing(others map[member.ID]bool) standing {
	s := standing{self: i.self, registered: i.self.Store != 0 && i.registry.Store(i.h.cfg.self()) == i.self.Store}
	for id, votes := range others {
		if votes {
			s.others++
			if i.met[id] {
				s.agreeing++
			}
		}
	}
	return s
}

// heard are the conflicts that were seen lately and count: those with the other
// voters, and if there are none those with strangers. The word of members that were
// removed is of the past, as after a recovery. A member that has a connection with
// this one has agreed on it to this one's store: an accusation in its name is another
// caller's, or the connection ends and the accusation is repeated. It needs i.mu.
func (i *identity) heard(others map[member.ID]bool) []conflict {
	alone := !slices.Contains(slices.Collect(maps.Values(others)), true)
	var heard []conflict
	for c, seen := range maps.All(i.conflicts) {
		votes, in := others[c.peer]
		_, removed := i.registry.WasRemoved(c.peer)
		denied := c.refused && i.met[c.peer]
		if !removed && !denied && !i.old(seen.at) && (votes || alone && !in) {
			heard = append(heard, c)
		}
	}
	return heard
}

// others are the other members, and before there are any those of the
// configuration; of each, whether it votes. It needs i.mu.
func (i *identity) others() map[member.ID]bool {
	others := map[member.ID]bool{}
	for _, m := range i.h.cfg.configured() {
		if _, removed := i.registry.WasRemoved(m.ID); !removed {
			others[m.ID] = !m.Learner
		}
	}
	for _, m := range i.registry.Members() {
		others[m.ID] = !m.Learner
	}
	delete(others, i.h.cfg.self())
	return others
}

// judge decides from the peers' greetings. One peer's word ends nothing: those that say so must be half of the others
// at least, and more than those that this member has a connection with; where its own log has its store, all of the
// others. While as many say so as there are connections, this member neither votes nor leads nor serves: of two halves,
// neither knows whose history is the right one. A founder that only half of the others contradict waits for the rest:
// until these are there, none of the two lists is the right one. The only voter has all of its cluster: no caller bars
// or ends it.
func judge(s standing, conflicts []conflict) verdict {
	var strangers, accusers []string
	for _, c := range conflicts {
		switch id := c.peer.String(); {
		case c.reason != transport.MismatchStore && !slices.Contains(strangers, id):
			strangers = append(strangers, id)
		case c.reason == transport.MismatchStore && c.refused && !slices.Contains(accusers, id):
			accusers = append(accusers, id)
		}
	}
	if s.others == 0 {
		strangers, accusers = append(strangers, accusers...), nil
	}
	slices.Sort(strangers)
	strangers = slices.Compact(strangers)
	slices.Sort(accusers)
	most := func(n int) bool { return n > 0 && 2*n >= s.others && n > s.agreeing }
	switch {
	case len(accusers) > 0 && len(accusers) >= s.agreeing:
		err := fmt.Errorf("%w: members %s know it by another store than %x", ErrLostData, strings.Join(accusers, ", "), s.self.Store)
		return verdict{err: err, bar: true, end: most(len(accusers)) && (!s.registered || len(accusers) == s.others)}
	case most(len(strangers)) && s.self.Number == 0 && s.others > 0:
		return verdict{err: fmt.Errorf("%w (members %s)", ErrOtherCluster, strings.Join(strangers, ", ")), bar: true, end: 2*len(strangers) > s.others}
	case most(len(strangers)) && len(strangers) > s.agreeing+1: // this member counts for its own cluster
		return verdict{err: fmt.Errorf("members %s belong to another cluster under the same id than this member (number %x): stop the wrong one",
			strings.Join(strangers, ", "), s.self.Number)}
	}
	return verdict{}
}
