package hostconfig

import (
	"math"
	"regexp"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// maxNodeID: raft keeps the two largest ids for its own threads.
const maxNodeID = math.MaxUint64 - 2

// maxMembers is the largest number of members of a cluster.
const maxMembers = 64

// Validate checks c as a whole, as Load has done already; it is for
// configurations made in Go. The error matches ErrInvalid.
func (c *Config) Validate() error {
	var ps problems
	c.checkIdentity(&ps)
	c.checkMembers(&ps)
	for _, e := range c.Host.OutOfBounds() {
		ps.about(e.Key, "%s", e.Problem)
	}
	c.checkPorts(&ps)
	c.checkAccess(&ps)
	c.checkPlugins(&ps)
	return ps.err()
}

func (c *Config) checkIdentity(ps *problems) {
	checkNodeID(ps, "node.id", c.Host.ID)
	checkName(ps, "node.name", c.Host.Name)
	if c.Host.DataDir == "" {
		ps.about("node.data_dir", "is empty; name a directory")
	}
	if c.Host.ClusterID == 0 {
		ps.about("cluster.id", "is missing; all members of a cluster have the same one, for example c1")
	}
}

func checkNodeID(ps *problems, key string, id uint64) {
	switch {
	case id == 0:
		ps.about(key, "is missing; give each member a hex id of its own, for example 1")
	case id > maxNodeID:
		ps.about(key, "%s is reserved; use a smaller id", formatID(id))
	}
}

func checkName(ps *problems, key, name string) {
	checkText(ps, key, name, "name the node, for example n1", memberform.CheckName)
}

// checkText checks a text that must be there; if it is not, hint says how to write one.
func checkText(ps *problems, key, text, hint string, check func(string) error) {
	if text == "" {
		ps.about(key, "is missing; %s", hint)
		return
	}
	if err := check(text); err != nil {
		ps.about(key, "%v", err)
	}
}

func (c *Config) checkPorts(ps *problems) {
	h := &c.Host
	checkListen(ps, "api.listen", h.ClientAddress, "0.0.0.0:7401")
	if h.AdminAddress != "" {
		checkListen(ps, "admin.listen", h.AdminAddress, "127.0.0.1:7601")
	}
	for _, name := range h.HostNames {
		checkHostName(ps, name)
	}
	c.checkTLS(ps)
	c.checkListeners(ps)
}

// hostName is a name of DNS, or a dot and one for all names below it.
const hostName = `^\.?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?\.?)+$`

func checkHostName(ps *problems, name string) {
	if name != "*" && !regexp.MustCompile(hostName).MatchString(name) {
		ps.about("api.host_names", "%q is not a name; write it without scheme and port, for example raft.example.org, .example.org for all names below it, or * for all", name)
	}
}

// checkListeners refuses two services of this host on one address.
func (c *Config) checkListeners(ps *problems) {
	seen := map[string]string{}
	check := func(key, address string) {
		if address == "" || strings.HasSuffix(address, ":0") {
			return
		}
		if other, taken := seen[address]; taken {
			ps.about(key, "%s is taken by %s already", address, other)
		}
	}
	check("api.listen", c.Host.ClientAddress)
	seen[c.Host.ClientAddress] = "api.listen"
	check("admin.listen", c.Host.AdminAddress)
	seen[c.Host.AdminAddress] = "admin.listen"
	// Two transports may share a port: one of TCP, one of UDP.
	for _, t := range c.transports() {
		check(t.key+".listen", t.Listen)
	}
}
