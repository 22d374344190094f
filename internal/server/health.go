package server

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// Reasons of warnings.
const (
	// WarnCommitStalled: nothing gets committed, though there is something.
	WarnCommitStalled = "commit_stalled"
	// WarnPeerStalled: a follower of this leader gets nowhere.
	WarnPeerStalled = "peer_stalled"
	// WarnApart: this member has no connection with another one.
	WarnApart = "apart"
	// WarnRefusing: this member refuses messages of its peers.
	WarnRefusing = "refusing"
	// WarnRaftStalled: the raft goroutine does not get on.
	WarnRaftStalled = "raft_stalled"
	// WarnUnanswered: requests that this member passes on to the leader are not
	// answered.
	WarnUnanswered = "unanswered"
	// WarnDoubled: two processes serve a member.
	WarnDoubled = "doubled"
	// WarnUnfit: this member is unfit to lead.
	WarnUnfit = "unfit"
	// WarnNoLeader: this member has known no leader for StallAfter.
	WarnNoLeader = "no_leader"
	// WarnLostData: a leader counts on what this member does not have any more.
	WarnLostData = "lost_data"
	// WarnConflict: there is doubt whose history this member has.
	WarnConflict = "conflict"
	// WarnNoStorage: there is no raft node, since its storage is starting.
	WarnNoStorage = "no_storage"
	// WarnPluginDown: of the plugins of one kind none works.
	WarnPluginDown = "plugin_down"
	// WarnCatchingUp: the state machine starts, replays or restores.
	WarnCatchingUp = "catching_up"
	// WarnQuarantined: one entry has ended the state machine again and again, or its state is
	// not that of a majority.
	WarnQuarantined = "quarantined"
	// WarnStatesDiffer: the state machines of the voters have different states, and no
	// majority has the same.
	WarnStatesDiffer = "states_differ"
	// WarnBusy: the state machine does not answer, and says what it is busy with.
	WarnBusy = "busy"
	// WarnLevelHeld: members keep the cluster at its feature level though another one
	// understands the next. It is not a matter of health: every upgrade begins so.
	WarnLevelHeld = "level_held"
	// WarnUnverifiedPeers: every program that reaches the members' port can speak
	// for any member. It is not a matter of health.
	WarnUnverifiedPeers = "unverified_peers"
	// WarnCertificateExpires: a certificate of this host ends soon.
	WarnCertificateExpires = "certificate_expires"
	// WarnCertificateExpired: it has ended.
	WarnCertificateExpired = "certificate_expired"
	// WarnCertificateRefused: the files of a certificate were replaced by files that
	// cannot be used, and those of before stay in use.
	WarnCertificateRefused = "certificate_refused"
	// WarnStopping: this member is being stopped.
	WarnStopping = "stopping"
)

// Unfit is one reason why this member is unfit to lead.
type Unfit struct {
	// Condition is the one bit of it.
	Condition node.Condition
	// Text says it to people, with numbers.
	Text string
}

// exposed are the warnings of members' ports whose callers prove nothing.
func (s *Server) exposed() (list []Warning) {
	if s.cfg.Exposed == nil {
		return nil
	}
	for _, text := range s.cfg.Exposed() {
		list = append(list, Warning{WarnUnverifiedPeers, text})
	}
	return list
}

// apart are the members with which this one has had no connection for StallAfter. It may
// serve all the same, as a follower that its leader reaches: the next election needs the
// others.
func (s *Server) apart() (list []Warning) {
	if s.cfg.Links == nil {
		return nil
	}
	for _, l := range s.cfg.Links() {
		if l.Apart >= StallAfter(s.cfg.Election) {
			list = append(list, Warning{WarnApart, fmt.Sprintf("no connection with %s for %v; the log says why", l.ID, l.Apart.Round(time.Millisecond))})
		}
	}
	return list
}

// unfit are the warnings of that. A reason that a plugin's own warning gives is
// not given twice.
func (s *Server) unfit() (list []Warning) {
	if s.cfg.Fitness == nil {
		return nil
	}
	for _, u := range s.cfg.Fitness() {
		if u.Condition != node.ShortOfSpace {
			list = append(list, Warning{WarnUnfit, "unfit to lead: " + u.Text})
		}
	}
	return list
}

// StallAfter is how long something that ought to get on may stand still before
// it is called stalled: two seconds, which no fsync of a sound disk takes, plus
// three elections.
func StallAfter(election time.Duration) time.Duration { return 2*time.Second + 3*election }

// ticks is the time that so many ticks take. Some of the numbers are a peer's
// word: those out of range are the longest time there is.
func (s *Server) ticks(n uint64) time.Duration {
	if n > uint64(math.MaxInt64/max(s.cfg.Tick, 1)) {
		return math.MaxInt64
	}
	return time.Duration(n) * s.cfg.Tick
}

// uncommitted is the age of the oldest entry that is not known to be committed,
// here or at the leader.
func (s *Server) uncommitted(ns node.State) time.Duration {
	return s.ticks(max(ns.UncommittedTicks, ns.LeaderUncommittedTicks))
}

// peerProgress is the leader's view with times instead of ticks.
func (s *Server) peerProgress(ns node.State) []PeerProgress {
	var list []PeerProgress
	for _, p := range ns.Progress {
		list = append(list, PeerProgress{p, s.ticks(p.StalledTicks), s.ticks(p.SilentTicks)})
	}
	return list
}

// committing is an error while what is proposed does not get committed.
func (s *Server) committing(ns node.State) error {
	age := s.uncommitted(ns)
	if age < StallAfter(s.cfg.Election) {
		return nil
	}
	where := "here"
	if ns.LeaderUncommittedTicks > ns.UncommittedTicks {
		where = fmt.Sprintf("at the leader %s", ns.Leader)
	}
	text := fmt.Sprintf("the oldest uncommitted entry %s is %v old; the commit index is %d, the last entry %d",
		where, age.Round(time.Millisecond), ns.Commit, ns.Last)
	if kept := s.kept(ns); len(kept) > 0 {
		text += "; " + strings.Join(kept, "; ")
	}
	return &Error{Err: ErrNotReady, Detail: text}
}

// kept says which followers of this leader get nowhere, and why.
func (s *Server) kept(ns node.State) []string {
	var list []string
	for _, p := range s.peerProgress(ns) {
		if p.Stalled >= StallAfter(s.cfg.Election) {
			list = append(list, fmt.Sprintf("%s has got nothing after entry %d for %v: %s", p.ID, p.Match, p.Stalled.Round(time.Millisecond), p.Why))
		}
	}
	return list
}

// warnings are all that is not well here, with n as the present node, whether it
// keeps this member from serving or not.
func (s *Server) warnings(n *node.Node) (list []Warning) {
	stalled := false
	for _, o := range s.obstacles() {
		stalled = stalled || o.reason == WarnCommitStalled
		if !o.passing {
			list = append(list, o.warning())
		}
	}
	if n != nil {
		list = append(list, s.warningsOf(n, stalled)...)
	}
	if s.cfg.Certificates != nil {
		list = append(list, s.cfg.Certificates()...)
	}
	return slices.Concat(list, s.apart(), s.logWarnings(), s.exposed(), s.busy(), s.unfit(), s.snapshotWarnings(), s.accessWarnings(), s.auditWarnings())
}

// warningsOf are those of a node that serves all the same. If nothing is
// committed, the followers that get nowhere are named with that.
func (s *Server) warningsOf(n *node.Node, stalled bool) (list []Warning) {
	if !stalled {
		for _, text := range s.kept(n.State()) {
			list = append(list, Warning{WarnPeerStalled, text})
		}
	}
	for _, id := range n.State().Doubled {
		if id != s.cfg.ID { // else it is why this member does not serve
			list = append(list, Warning{WarnDoubled, doubledText(id)})
		}
	}
	list = append(list, statesDiffer(n.State())...)
	if text := s.levelHeld(n.State()); text != "" {
		list = append(list, Warning{WarnLevelHeld, text})
	}
	if r := n.LastRefusal(); r != nil && time.Since(r.At) < StallAfter(s.cfg.Election) {
		list = append(list, Warning{WarnRefusing, fmt.Sprintf("refuses messages of %s: %s", r.From, r.Reason)})
	}
	return list
}

// levelHeld says which members keep the cluster at its feature level, and why.
func (s *Server) levelHeld(ns node.State) string {
	since := s.ticks(ns.LevelHeld.Ticks)
	if len(ns.LevelHeld.By) == 0 || since < StallAfter(s.cfg.Election) {
		return ""
	}
	var by []string
	for _, id := range ns.LevelHeld.By {
		level := ns.Level
		if i := slices.IndexFunc(ns.Progress, func(p node.Progress) bool { return p.ID == id }); i >= 0 {
			if level = ns.Progress[i].Level; !ns.Progress[i].Active {
				by = append(by, fmt.Sprintf("%s is not heard", id))
				continue
			}
		}
		by = append(by, fmt.Sprintf("%s understands %d", id, level))
	}
	return fmt.Sprintf("the cluster has stayed at feature level %d for %v though others understand more: %s",
		ns.Registry.Level(), since.Round(time.Millisecond), strings.Join(by, ", "))
}

func doubledText(id member.ID) string {
	return fmt.Sprintf("two processes serve member %s, with copies of one data directory: its messages are refused; stop the copy; "+
		"if it cannot be told which one that is, stop both, remove the member, and add it under a new id", id)
}
