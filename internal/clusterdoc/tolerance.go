package clusterdoc

import "slices"

const (
	// silence is how long a voter may be unheard by its leader and still be counted on, in
	// milliseconds: five of the longest usual election timeouts.
	silence = 5000
	// replicating is the state of a follower that gets what is appended as it comes.
	replicating = "replicate"
)

// Tolerance is how many failures a cluster bears now.
type Tolerance struct {
	Voters int `json:"voters"`
	Quorum int `json:"quorum"`
	// Sound are the voters that the leader hears and that get on with its log, the leader
	// itself among them; without an answer of the leader those that answer and follow it.
	Sound int `json:"sound"`
	// Failures is how many of Sound may fail, and a quorum is left.
	Failures int `json:"failures"`
}

func (d *Document) tolerance() Tolerance {
	var t Tolerance
	leader := d.leader()
	for _, m := range d.Members {
		if !m.Voter {
			continue
		}
		t.Voters++
		if d.sound(m, leader) {
			t.Sound++
		}
	}
	if t.Voters > 0 {
		t.Quorum = t.Voters/2 + 1
	}
	t.Failures = max(0, t.Sound-t.Quorum)
	return t
}

// leader is the member that leads, by its own word; nil if it does not answer.
func (d *Document) leader() *Member {
	for i := range d.Members {
		if m := &d.Members[i]; m.counts() && m.Role == "leader" && m.ID == d.Leader && m.Term == d.Term {
			return m
		}
	}
	return nil
}

// sound tells whether a quorum can count on a voter.
func (d *Document) sound(m Member, leader *Member) bool {
	switch {
	case m.counts() && d.Astray(m) != "" || m.Reachable && m.Error != "":
		return false
	case leader == nil:
		return m.counts()
	case m.ID == leader.ID:
		return true
	}
	return slices.ContainsFunc(leader.Progress, func(p PeerProgress) bool {
		return p.ID == m.ID && p.State == replicating && p.StalledMs == 0 && p.LastContactMs < silence
	})
}
