package hostconfig

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// readWhole fills in what only the file can set: the members, and the
// plugins' commands, environments and own sections.
func (d *document) readWhole(c *Config) {
	if n := d.whole[membersKey]; n != nil {
		c.Host.Members = d.members(n)
	}
	if n := d.whole[certificatesKey]; n != nil {
		c.Host.Access.Certificates = d.certificates(n)
	}
	if n := d.whole[limitsKey]; n != nil {
		c.Host.Access.Limits = d.limits(n)
	}
	for _, p := range allPlugins(c) {
		if n := d.whole[p.key+".command"]; n != nil {
			p.plugin.Command = d.command(n, p.key+".command")
		}
		if n := d.whole[p.key+".env"]; n != nil && !isNull(n) {
			p.plugin.Env = d.texts(n, p.key+".env")
		}
		if n := d.whole[p.key+".config"]; n != nil {
			p.plugin.Config = d.raw(n, p.key+".config")
		}
	}
}

// command is one path, or a list of the path and its arguments.
func (d *document) command(n *yaml.Node, key string) []string {
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		return []string{n.Value}
	}
	return d.texts(n, key)
}

// members reads the list of members. Places are remembered as
// cluster.members[i].key, with the list sorted by id.
func (d *document) members(n *yaml.Node) []core.MemberConfig {
	if n.Kind != yaml.SequenceNode {
		d.at(n.Line, "%s is %s; it must be a list", membersKey, describe(n))
		return nil
	}
	type placed struct {
		core.MemberConfig
		lines map[string]int
	}
	var all []placed
	for i, item := range n.Content {
		m, lines := d.member(item, i)
		all = append(all, placed{m, lines})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.ID, b.ID) })
	members := make([]core.MemberConfig, len(all))
	for i, m := range all {
		members[i] = m.MemberConfig
		for name, line := range m.lines {
			d.lines[memberKey(i, name)] = line
		}
	}
	return members
}

// memberKey names a part of the i-th member in the order of ids; the member
// itself if name is empty.
func memberKey(i int, name string) string {
	return strings.TrimSuffix(fmt.Sprintf("%s[%d].%s", membersKey, i, name), ".")
}

// member reads the i-th member of the file and the lines of its parts.
func (d *document) member(n *yaml.Node, i int) (core.MemberConfig, map[string]int) {
	var m core.MemberConfig
	lines := map[string]int{"": n.Line}
	if n.Kind != yaml.MappingNode {
		d.at(n.Line, "%s is %s; it must have the keys id, name, peer_urls and client_address", memberKey(i, ""), describe(n))
		return m, lines
	}
	known := map[string]value{
		"id":             idValue{&m.ID},
		"name":           textValue{&m.Name},
		"client_address": textValue{&m.ClientAddress},
	}
	for key, content := range pairs(n) {
		lines[key.Value] = key.Line
		v := known[key.Value]
		switch {
		case key.Value == "peer_urls" && content.Kind == yaml.SequenceNode:
			m.PeerURLs = memberform.CanonicalPeerURLs(d.texts(content, memberKey(i, key.Value)))
		case key.Value == "peer_urls":
			d.at(content.Line, "%s is %s; it must be a list of URLs", memberKey(i, key.Value), describe(content))
		case v == nil:
			near := suggest(key.Value, []string{"id", "name", "peer_urls", "client_address"})
			d.at(key.Line, "unknown key %q in %s%s", key.Value, memberKey(i, ""), didYouMean(near))
		case content.Kind != yaml.ScalarNode || isNull(content):
			d.at(content.Line, "%s is %s; it must be one value", memberKey(i, key.Value), describe(content))
		default:
			if err := v.Set(content.Value); err != nil {
				d.at(content.Line, "%s: %v", memberKey(i, key.Value), err)
			}
		}
	}
	return m, lines
}
