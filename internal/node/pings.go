package node

import (
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Pings are what came of asking for voters under the peer URLs that they have
// after a change. Voters that could not be asked are not among them.
type Pings map[member.ID]Ping

// Ping is whether a member answered under one of these URLs.
type Ping struct {
	URLs    []string
	Reached bool
}

// aftermath is what an accepted change leads to, as far as a leader can know.
type aftermath struct {
	c      *Core
	change member.Change
	voters []uint64
	pings  Pings
}

func (c *Core) after(change member.Change, pings Pings) aftermath {
	voters := c.registry.Voters()
	if change.Op != member.Update {
		voters = slices.DeleteFunc(voters, func(id uint64) bool { return id == uint64(change.Member.ID) })
	}
	if change.Op == member.Add && !change.Member.Learner {
		voters = append(voters, uint64(change.Member.ID))
	}
	return aftermath{c, change, voters, pings}
}

// moves tells whether the change takes a peer URL from a member that is there. One
// that only adds some leaves the member where it is reached.
func (a aftermath) moves() bool {
	old, in := a.c.registry.Member(a.change.Member.ID)
	return in && a.change.Op != member.Remove && slices.ContainsFunc(old.PeerURLs, func(u string) bool {
		return !slices.Contains(a.change.Member.PeerURLs, u)
	})
}

// harmless tells whether the change takes nothing from the quorum, whatever the
// others do: an update that takes no address away, or of a member that does not
// count. It may be the repair of one that is not reached.
func (a aftermath) harmless() bool {
	id := uint64(a.change.Member.ID)
	return a.change.Op == member.Update &&
		(!a.moves() || !slices.Contains(a.voters, id) || !a.c.elects(id) || len(a.voters) == 1)
}

// stands tells whether a voter can be counted on after the change: in an election, to
// commit something, and when every connection of today has ended.
func (a aftermath) stands(id uint64) bool {
	return a.c.elects(id) && a.c.standstill(id) == "" && a.reached(id)
}

// atStandstill are the voters that answer, and get nowhere.
func (a aftermath) atStandstill() []uint64 {
	return slices.DeleteFunc(slices.Clone(a.voters), func(id uint64) bool { return !a.c.elects(id) || a.c.standstill(id) == "" })
}

// reached tells whether a voter was reached under the URLs that it then has. One
// that keeps its URLs and could not be asked is there as long as it is heard; an
// address that is new must be seen to be right. A member does not ask itself: a
// leader that keeps its URLs counts itself.
func (a aftermath) reached(id uint64) bool {
	p, asked := a.pings[member.ID(id)]
	switch {
	case a.moves() && id == uint64(a.change.Member.ID):
		return asked && p.Reached
	case id == uint64(a.c.cfg.ID):
		return true
	default:
		return !asked || p.Reached
	}
}

// outdated tells whether a member was asked for under other URLs than it would
// have: the members have changed since.
func (a aftermath) outdated() bool {
	for id, p := range a.pings {
		m, in := a.c.registry.Member(id)
		if id == a.change.Member.ID {
			m = a.change.Member
		}
		if in && !sameURLs(m.PeerURLs, p.URLs) {
			return true
		}
	}
	return false
}

// unreached are the voters that are heard, and are not reached under their URLs.
func (a aftermath) unreached() []uint64 {
	return slices.DeleteFunc(slices.Clone(a.voters), func(id uint64) bool { return !a.c.elects(id) || a.reached(id) })
}

func sameURLs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
