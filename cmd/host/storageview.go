package main

import (
	"fmt"
	"strings"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
)

// A migrating is a member of a cluster whose stores are moved, as it was at one look.
type migrating struct{ row client.MemberStatus }

func (m *migrating) id() string { return m.row.Member.GetId() }

// status is the answer of the member; nil, whose fields are empty, if it gave none.
func (m *migrating) status() *hostv1.StatusResponse {
	if m == nil {
		return nil
	}
	return m.row.Status
}

// name is the member for people.
func (m *migrating) name() string {
	return printable(strings.TrimSpace(m.id() + " " + m.row.Member.GetName()))
}

// storage is the storage plugin of the member.
func (m *migrating) storage() *hostv1.PluginStatus {
	for _, p := range m.status().GetPlugins() {
		if p.GetKind() == "storage" {
			return p
		}
	}
	return nil
}

// isUnderWay tells whether its store is being moved.
func (m *migrating) isUnderWay() bool {
	move := m.status().GetStorageMove()
	return move != nil && move.GetPhase() != "done" && move.GetPhase() != "failed"
}

func (m *migrating) isDone(to string) bool {
	return m.storage().GetName() == to && !m.isUnderWay()
}

// A clusterView is what all members said at one look.
type clusterView struct {
	members  []*migrating
	silent   []*migrating // of them, those that did not answer
	leader   *migrating   // nil if none leads
	commit   uint64       // that the leader knows
	progress map[string]*hostv1.PeerProgress
}

func viewOf(rows []client.MemberStatus) *clusterView {
	v := &clusterView{progress: map[string]*hostv1.PeerProgress{}}
	for _, row := range rows {
		if row.Member == nil {
			continue // an address that no member has
		}
		m := &migrating{row}
		v.members = append(v.members, m)
		st := m.status()
		if st == nil {
			v.silent = append(v.silent, m)
		}
		if st.GetRole() == "leader" && (v.leader == nil || st.GetTerm() > v.leader.status().GetTerm()) {
			v.leader = m
		}
	}
	if v.leader != nil {
		v.commit = v.leader.status().GetCommit()
		for _, p := range v.leader.status().GetProgress() {
			v.progress[p.GetId()] = p
		}
	}
	return v
}

func (v *clusterView) member(id string) *migrating {
	for _, m := range v.members {
		if m.id() == id {
			return m
		}
	}
	return nil
}

// first is the member that comes next; nil if none of those that answered does.
func (v *clusterView) first(to string) (next *migrating) {
	for _, m := range v.members {
		switch {
		case m.status() == nil || m.isDone(to):
		case m.isUnderWay():
			return m
		case next == nil || next == v.leader:
			next = m
		}
	}
	return next
}

// isWell tells whether a member takes part: it follows the leader, which appends to it, or
// leads, and all of its plugins are ready.
func (v *clusterView) isWell(m *migrating) bool {
	st := m.status()
	if st == nil || v.leader == nil || st.GetLeader() != v.leader.id() || st.GetTerm() != v.leader.status().GetTerm() || st.GetQuarantine() != nil {
		return false
	}
	for _, p := range st.GetPlugins() {
		if p.GetState() != clusterdoc.PluginReady {
			return false
		}
	}
	if m == v.leader {
		return true
	}
	p := v.progress[m.id()]
	return p.GetActive() && p.GetState() == "replicate"
}

// mayMove refuses to take a member from its cluster if the others are not well, or are less
// than a quorum. One whose move is under way has been taken.
func (v *clusterView) mayMove(next *migrating, force bool) error {
	switch {
	case next != nil && next.isUnderWay():
		return nil
	case len(v.members) == 0:
		return fmt.Errorf("%w: the host that was asked knows of no member", errPrecondition)
	case len(v.silent) > 0:
		return fmt.Errorf("%w: member %s does not answer: %s", errPrecondition, v.silent[0].name(), plainly(v.silent[0].row.Err))
	case next == nil || force:
		return nil
	case v.leader == nil:
		return fmt.Errorf("%w: no member leads", errPrecondition)
	}
	voters, well := 0, 0
	var ill []string
	for _, m := range v.members {
		if m.isUnderWay() {
			return fmt.Errorf("%w: the store of member %s is being moved", errPrecondition, m.name())
		}
		if m.row.Member.GetLearner() {
			continue
		}
		voters++
		switch {
		case m == next:
		case v.isWell(m):
			well++
		default:
			ill = append(ill, m.name())
		}
	}
	switch quorum := voters/2 + 1; {
	case well >= quorum || next.row.Member.GetLearner():
		return nil
	case len(ill) > 0:
		return fmt.Errorf("%w: without member %s there are %d voters that are well, and a quorum has %d; not well: %s", errPrecondition, next.name(), well, quorum, strings.Join(ill, ", "))
	default:
		return fmt.Errorf("%w: without member %s there are %d voters, and a quorum has %d: the cluster answers nothing while its store is copied; --force if that is meant", errPrecondition, next.name(), well, quorum)
	}
}
