package hostconfig

import (
	"slices"

	"github.com/pontoon-raft/pontoon/core"
)

// peerURLsKey has peer URLs of members by name: the one part of the members that a
// flag or the environment can set.
const peerURLsKey = "cluster.peer_urls"

// FlagAdds tells whether a flag for key that is given once more adds to what the one
// before it said. Of all other keys the last flag counts.
func FlagAdds(key string) bool { return key == peerURLsKey }

// handOut gives members the peer URLs that the setting names. One that a flag or a
// variable names for a member stands instead of what the list has; the list and
// the setting of one file must not both have some.
func (c *Config) handOut(o *Origins, ps *problems) {
	inFile := o.Of(peerURLsKey).Source == SourceFile
	for i := range c.Host.Members {
		m := &c.Host.Members[i]
		urls := c.peerURLs.Of(m.Name)
		if len(urls) == 0 {
			continue
		}
		if inFile && len(m.PeerURLs) > 0 {
			ps.about(memberKey(i, "peer_urls"), "%s has peer URLs of %s too; write them in one place", peerURLsKey, m.Name)
			continue
		}
		m.PeerURLs = urls
		o.byKey[memberKey(i, "peer_urls")] = o.Of(peerURLsKey)
	}
	for _, name := range c.peerURLs.Names() {
		if !slices.ContainsFunc(c.Host.Members, func(m core.MemberConfig) bool { return m.Name == name }) {
			ps.about(peerURLsKey, "%q is the name of no member in %s", name, membersKey)
		}
	}
}

// sortPeerURLs gives the members the form in which a cluster begins with them:
// members that list the same URLs in another order found the same cluster.
func (c *Config) sortPeerURLs() {
	for i := range c.Host.Members {
		slices.Sort(c.Host.Members[i].PeerURLs)
	}
}
