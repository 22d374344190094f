package hostconfig

import "github.com/pontoon-raft/pontoon/internal/memberform"

// checkMembers checks the list of members: every id, name, URL and address
// once, and this node among them.
func (c *Config) checkMembers(ps *problems) {
	members := c.Host.Members
	switch {
	case len(members) == 0:
		ps.about(membersKey, "is empty; list all members of the cluster, this node among them")
		return
	case len(members) > maxMembers:
		ps.about(membersKey, "has %d members; at most %d are supported", len(members), maxMembers)
		return
	}
	taken := map[string]string{}
	once := func(key, what, text string) {
		if other, ok := taken[what+text]; ok && text != "" {
			ps.about(key, "%s %s is that of %s already", what, text, other)
			return
		}
		taken[what+text] = parent(key)
	}
	for i, m := range members {
		checkNodeID(ps, memberKey(i, "id"), m.ID)
		checkName(ps, memberKey(i, "name"), m.Name)
		checkPeerURLs(ps, memberKey(i, "peer_urls"), m.PeerURLs)
		checkClientAddress(ps, memberKey(i, "client_address"), m.ClientAddress)
		if m.ID != 0 {
			once(memberKey(i, "id"), "id", formatID(m.ID))
		}
		once(memberKey(i, "name"), "name", m.Name)
		once(memberKey(i, "client_address"), "client_address", m.ClientAddress)
		for _, u := range m.PeerURLs {
			once(memberKey(i, "peer_urls"), "peer URL", u)
		}
	}
	c.checkSelf(ps)
}

func (c *Config) checkSelf(ps *problems) {
	if c.Host.ID == 0 {
		return
	}
	self, ok := c.Self()
	if !ok {
		ps.about("node.id", "%s is not among %s; add this node to the list", formatID(c.Host.ID), membersKey)
		return
	}
	if c.Host.Name != self.Name {
		ps.about("node.name", "%q differs from the name %q that %s gives to id %s",
			c.Host.Name, self.Name, membersKey, formatID(self.ID))
	}
}

func checkPeerURLs(ps *problems, key string, urls []string) {
	if len(urls) == 0 {
		ps.about(key, "is missing; list at least one, for example http://10.0.0.1:7501")
	}
	if len(urls) > memberform.MostURLs {
		ps.about(key, "has %d URLs; a member has at most %d", len(urls), memberform.MostURLs)
	}
	for _, u := range urls {
		if err := memberform.CheckPeerURL(u); err != nil {
			ps.about(key, "%v", err)
		}
	}
}

func checkClientAddress(ps *problems, key, address string) {
	checkText(ps, key, address, "write where clients reach this member, for example 10.0.0.1:7401", memberform.CheckAddress)
}

func checkListen(ps *problems, key, address, example string) {
	checkText(ps, key, address, "write where to listen, for example "+example, memberform.CheckListener)
}
