package client

import hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"

// learn remembers where the members are and returns the address of one.
func (c *Client) learn(members *hostv1.MembersResponse, id string) (addr string) {
	var addrs []string
	for _, m := range members.GetMembers() {
		if m.GetClientAddress() == "" {
			continue
		}
		addrs = append(addrs, m.GetClientAddress())
		if m.GetId() == id && id != "" {
			addr = m.GetClientAddress()
		}
	}
	c.conns.learn(addrs)
	return addr
}

// takeHint returns the address of the leader that a host has named, once.
func (c *Client) takeHint() string {
	if addr := c.hint.Swap(nil); addr != nil {
		return *addr
	}
	return ""
}
