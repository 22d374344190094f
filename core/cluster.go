package core

import (
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Cluster is what an embedder may know of the cluster that its host is in. It is
// a view: nothing can be changed by it, and each call tells what the member has
// applied by then, so that two calls may see two memberships. No call waits.
type Cluster interface {
	// ID tells clusters apart.
	ID() uint64
	// ClientURLs are where clients reach the members, sorted, with the scheme of
	// this member's own client port.
	ClientURLs() []string
	// Members are the members in the order of their ids.
	Members() []Member
	// Member is one of them. It reports false for an id that the cluster does not
	// have, or has no longer.
	Member(id uint64) (Member, bool)
	// Version is that of the host which this member runs.
	Version() string
}

// Member is one member of a cluster, as Cluster shows it. It is the caller's own.
type Member struct {
	ID       uint64
	Name     string
	PeerURLs []string
	// ClientURL is where clients reach it.
	ClientURL string
	// Learner tells that the member has no vote.
	Learner bool
}

// Cluster returns the view of the cluster. It can be used from New on, and after
// Stop shows what was applied last.
func (h *Host) Cluster() Cluster { return clusterView{h} }

type clusterView struct{ h *Host }

// ID implements Cluster.
func (v clusterView) ID() uint64 { return v.h.cfg.ClusterID }

// Version implements Cluster.
func (v clusterView) Version() string { return v.h.cfg.Version }

// Members implements Cluster.
func (v clusterView) Members() []Member {
	known := v.h.server.Membership().Members
	all := make([]Member, len(known))
	for i := range known {
		all[i] = v.shown(&known[i])
	}
	return all
}

// Member implements Cluster.
func (v clusterView) Member(id uint64) (Member, bool) {
	known := v.h.server.Membership().Members
	i := slices.IndexFunc(known, func(m member.Member) bool { return uint64(m.ID) == id })
	if i < 0 {
		return Member{}, false
	}
	return v.shown(&known[i]), true
}

// ClientURLs implements Cluster.
func (v clusterView) ClientURLs() []string {
	var urls []string
	for _, m := range v.Members() {
		if m.ClientURL != "" {
			urls = append(urls, m.ClientURL)
		}
	}
	slices.Sort(urls)
	return urls
}

// shown is a member without what only the host needs of it.
func (v clusterView) shown(m *member.Member) Member {
	shown := Member{ID: uint64(m.ID), Name: m.Name, PeerURLs: slices.Clone(m.PeerURLs), Learner: m.Learner}
	if m.ClientAddress != "" {
		scheme := "http://"
		if v.h.cfg.ClientTLS.Cert != "" {
			scheme = "https://"
		}
		shown.ClientURL = scheme + m.ClientAddress
	}
	return shown
}
