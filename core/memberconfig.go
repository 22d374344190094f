package core

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// MemberConfig is one member of a cluster as its hosts are configured. Cluster has
// the changes since.
type MemberConfig struct {
	ID   uint64
	Name string
	// PeerURLs are where the other members reach it, ClientAddress is where clients do,
	// as host:port.
	PeerURLs      []string
	ClientAddress string
	// Learner: the member has no vote. Founders have one: with Bootstrap New refuses a
	// learner, which is added to a cluster that serves.
	Learner bool
}

// self is the id of this member.
func (c *Config) self() member.ID { return member.ID(c.ID) }

// checkFounders refuses founders that raft would end the node over: it begins with voters
// alone.
func (c *Config) checkFounders() error {
	for _, m := range c.Members {
		if c.Bootstrap && m.Learner {
			return fmt.Errorf("member %s is a learner, and founders vote: leave it out, and add it when the cluster serves", member.ID(m.ID))
		}
	}
	return nil
}

// configured are the members as the registry has them.
func (c *Config) configured() []member.Member {
	all := make([]member.Member, len(c.Members))
	for i, m := range c.Members {
		all[i] = member.Member{ID: member.ID(m.ID), Name: m.Name, PeerURLs: m.PeerURLs, ClientAddress: m.ClientAddress, Learner: m.Learner}
	}
	return all
}
