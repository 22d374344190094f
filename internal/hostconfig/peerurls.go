package hostconfig

import "slices"

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
	for i := range c.Cluster.Members {
		m := &c.Cluster.Members[i]
		urls := c.Cluster.PeerURLs.Of(m.Name)
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
	for _, name := range c.Cluster.PeerURLs.Names() {
		if !slices.ContainsFunc(c.Cluster.Members, func(m Member) bool { return m.Name == name }) {
			ps.about(peerURLsKey, "%q is the name of no member in %s", name, membersKey)
		}
	}
}

// founding is m as the cluster begins with it: its peer URLs are sorted, because
// members that list the same URLs in another order found the same cluster.
func (m Member) founding() Member {
	m.PeerURLs = slices.Sorted(slices.Values(m.PeerURLs))
	return m
}

// Founding are the members by which the cluster begins, in the order of their ids.
func (c Cluster) Founding() []Member {
	all := make([]Member, len(c.Members))
	for i, m := range c.Members {
		all[i] = m.founding()
	}
	return all
}
