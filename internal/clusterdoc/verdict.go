package clusterdoc

import (
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// Verdict is how a cluster is, in one word.
type Verdict string

// The verdicts.
const (
	// Healthy: all members answer, belong to one cluster, follow one leader in its
	// term, have all plugins ready, warn of nothing that is a matter of health, and have
	// a way to each other, and a quorum gets on with the log of the leader.
	Healthy Verdict = "HEALTHY"
	// Degraded: something is not well, and nothing shows that writes do not get
	// committed.
	Degraded Verdict = "DEGRADED"
	// Unavailable: nothing gets committed, or no member answers. A cluster that has a
	// leader may be unavailable.
	Unavailable Verdict = "UNAVAILABLE"
)

// PluginReady is the state of a plugin that serves.
const PluginReady = "ready"

// judge says how the cluster is, and why.
func (d *Document) judge() {
	d.Tolerance = d.tolerance()
	d.Verdict, d.Reasons = Healthy, d.complaints()
	if len(d.Reasons) > 0 {
		d.Verdict = Degraded
	}
	if why := d.unavailable(); why != "" {
		d.Verdict, d.Reasons = Unavailable, append([]string{why}, d.Reasons...)
	}
}

// Healthy tells whether there is no complaint.
func (d *Document) Healthy() bool { return len(d.complaints()) == 0 && d.unavailable() == "" }

// unavailable is why nothing gets committed; empty if something may be. The word of the
// leader counts. That of its followers does if the leader does not answer.
func (d *Document) unavailable() string {
	switch {
	case !slices.ContainsFunc(d.Members, Member.counts):
		return "no member answers"
	case d.Leader == "":
		return "no member that answers knows a leader"
	}
	leader := d.leader()
	for i := range d.Members {
		m := &d.Members[i]
		if !m.counts() || d.Astray(*m) != "" || leader != nil && m != leader {
			continue
		}
		for _, w := range m.Warnings {
			if w.Reason == server.WarnCommitStalled || w.Reason == server.WarnRaftStalled && m == leader {
				return fmt.Sprintf("%s leads and nothing gets committed: %s", d.Leader, w.Message)
			}
		}
	}
	return ""
}

// complaints are what is not well, in the order of the members.
func (d *Document) complaints() []string {
	all := []string{}
	leaders := 0
	for _, m := range d.Members {
		if m.counts() && m.Role == "leader" {
			leaders++
		}
		for _, text := range d.complaintsOf(m) {
			all = append(all, fmt.Sprintf("%s: %s", orDash(m.ID), text))
		}
	}
	if leaders != 1 {
		all = append(all, fmt.Sprintf("of the members that answer %d lead", leaders))
	}
	// A leader of a build before progress tells of no followers.
	if l, t := d.leader(), d.Tolerance; l != nil && len(l.Progress) > 0 && t.Sound < t.Quorum {
		all = append(all, fmt.Sprintf("of %d voters %d get on with the log of the leader, and the quorum is %d", t.Voters, t.Sound, t.Quorum))
	}
	return all
}

// complaintsOf are what is not well with one member.
func (d *Document) complaintsOf(m Member) (all []string) {
	switch {
	case !m.Reachable:
		return []string{"does not answer: " + m.Error}
	case m.Error != "":
		return []string{m.Error}
	}
	if m.Role == "none" {
		all = append(all, "has no raft node")
	}
	if text := d.Astray(m); text != "" {
		all = append(all, text)
	}
	for _, w := range m.Warnings {
		if w.unhealthy() {
			all = append(all, w.Message)
		}
	}
	for _, p := range m.Plugins {
		switch {
		case p.State != PluginReady:
			all = append(all, fmt.Sprintf("plugin %s is in state %s", p.Name, p.State))
		case p.Warning != "":
			all = append(all, fmt.Sprintf("plugin %s: %s", p.Name, p.Warning))
		}
	}
	for _, l := range m.Links {
		if l.Error != "" {
			all = append(all, fmt.Sprintf("no way to %s: %s", l.ID, l.Error))
		}
	}
	return all
}

// unhealthy tells whether it is a matter of health: a port that every client may use
// is not one, and stays as it is configured; a certificate that ends some day is not
// yet; members of two builds are every upgrade's way, step by step with a check after
// each.
func (w Warning) unhealthy() bool {
	return !slices.Contains([]string{server.WarnUnverifiedPeers, server.WarnCertificateExpires, server.WarnLevelHeld}, w.Reason)
}

// counts tells whether the member answers, as itself and of this cluster.
func (m Member) counts() bool { return m.Reachable && m.Error == "" }

// Astray says of a member that answers how it is not with the leader; empty if
// it is.
func (d *Document) Astray(m Member) string {
	switch {
	case m.Leader == "":
		return "knows no leader"
	case m.Leader != d.Leader || m.Term != d.Term:
		return fmt.Sprintf("follows %s in term %d, and %s leads in term %d", m.Leader, m.Term, orDash(d.Leader), d.Term)
	}
	return ""
}

// orDash is text for what must not be empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
