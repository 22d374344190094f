package hostconfig

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/core"
)

// transportKey is a section, or a list of such sections while a cluster moves
// from one transport to another.
const transportKey = "plugins.transport"

// maxTransports is how many a host can run at one time.
const maxTransports = 2

// transportAt is a transport of the configuration with its place in the file.
type transportAt struct {
	key string
	*core.TransportConfig
}

func (c *Config) transports() []transportAt {
	var all []transportAt
	for i := range c.Host.Transports {
		key := transportKey
		if c.listed {
			key = transportItem(i)
		}
		all = append(all, transportAt{key, &c.Host.Transports[i]})
	}
	return all
}

// TransportKeys are the keys of the sections of all transports, in the order of
// preference.
func (c *Config) TransportKeys() []string {
	var keys []string
	for _, t := range c.transports() {
		keys = append(keys, t.key)
	}
	return keys
}

// transportItem is the key of the i-th transport in a list.
func transportItem(i int) string { return fmt.Sprintf("%s[%d]", transportKey, i) }

// shape makes room for as many transports as the file lists, and for a next storage if it
// has that section. Faults of the list are found later.
func (c *Config) shape(root *yaml.Node) {
	if child(child(child(root, "plugins"), "storage"), "next") != nil {
		next := unconfigured()
		c.Host.NextStorage = &next
	}
	list := child(child(root, "plugins"), "transport")
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	c.listed = true
	for range min(len(list.Content), maxTransports) - 1 {
		c.Host.Transports = append(c.Host.Transports, c.Host.Transports[0])
	}
}

// child is what a mapping has under a name; nil if nothing.
func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for key, content := range pairs(n) {
		if key.Value == name {
			return content
		}
	}
	return nil
}

// transportList reads a list of transports.
func (d *document) transportList(n *yaml.Node, s schema) {
	switch {
	case len(n.Content) == 0:
		d.at(n.Line, "%s is an empty list; it must have at least one transport", transportKey)
	case len(n.Content) > maxTransports:
		d.at(n.Content[maxTransports].Line, "%s has %d transports; a host runs at most %d", transportKey, len(n.Content), maxTransports)
	}
	for i, item := range n.Content[:min(len(n.Content), maxTransports)] {
		d.lines[transportItem(i)] = item.Line
		d.section(item, transportItem(i), s)
	}
}

// checkTransports checks the transports against each other: a peer's URL must
// say which of them is meant.
func (c *Config) checkTransports(ps *problems) {
	all := c.transports()
	names, schemes := map[string]string{}, map[string]string{}
	for _, t := range all {
		if len(t.Advertise) == 0 {
			ps.about(t.key+".advertise", "is missing; list the peer URLs of this member that are this transport's%s", c.choices())
			continue
		}
		checkListen(ps, t.key+".listen", t.Listen, "0.0.0.0:7501")
		checkPeerURLs(ps, t.key+".advertise", t.Advertise)
		if other, taken := names[t.Name]; taken && t.Name != "" {
			ps.about(t.key+".name", "%s is that of %s already; two transports must be different ones", t.Name, other)
		}
		names[t.Name] = t.key
		for _, scheme := range schemesOf(t.Advertise) {
			if other, taken := schemes[scheme]; taken {
				ps.about(t.key+".advertise", "has %s URLs, as %s has already; two transports must differ in the scheme", scheme, other)
			}
			schemes[scheme] = t.key
		}
	}
}

// choices names this member's peer URLs, for messages.
func (c *Config) choices() string {
	self, _ := c.Self()
	if len(self.PeerURLs) == 0 {
		return ""
	}
	return ", of " + strings.Join(self.PeerURLs, ", ")
}

// schemesOf lists the schemes of URLs, each once.
func schemesOf(urls []string) []string {
	var all []string
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Scheme != "" && !slices.Contains(all, u.Scheme) {
			all = append(all, u.Scheme)
		}
	}
	return all
}
