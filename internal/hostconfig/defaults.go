package hostconfig

import (
	"net/url"
	"path/filepath"
)

// complete fills in the defaults that depend on other settings, and tells o
// where they came from.
func (c *Config) complete(o *Origins) {
	self, known := c.Self()
	set := func(key string, p *string, text, from string) {
		if *p == "" && text != "" && o.Of(key).Source == SourceDefault {
			*p = text
			o.byKey[key] = Origin{SourceDefault, from}
		}
	}
	for _, p := range allPlugins(c) {
		if *c.from(p.key) {
			p.plugin.Catalog = c.catalog
		} else if len(p.plugin.Command) == 0 && p.plugin.Address == "" {
			set(p.key+".name", &p.plugin.Name, p.shipped, "")
		}
	}
	h := &c.Host
	anonymous, from := anonymousByDefault(h.Access)
	set("api.access.anonymous", &h.Access.Anonymous, anonymous, from)
	if !known {
		return // Validate says so
	}
	set("node.name", &h.Name, self.Name, "from "+membersKey)
	if h.Name != "" {
		set("node.data_dir", &h.DataDir, "."+string(filepath.Separator)+filepath.Join("data", h.Name), "from node.name")
	}
	c.completeTLS(set)
	set("api.listen", &h.ClientAddress, self.ClientAddress, "from "+membersKey)
	for _, t := range c.transports() {
		set(t.key+".listen", &t.Listen, hostPort(t.Advertise), "from "+t.key+".advertise")
	}
	if c.transports()[0].key != transportKey || len(schemesOf(self.PeerURLs)) > 1 {
		return // which of the peer URLs are a transport's is for the file to say
	}
	t := &h.Transports[0]
	set("plugins.transport.listen", &t.Listen, hostPort(self.PeerURLs), "from "+membersKey)
	if len(t.Advertise) == 0 {
		t.Advertise = append([]string(nil), self.PeerURLs...)
		o.byKey["plugins.transport.advertise"] = Origin{SourceDefault, "from " + membersKey}
	}
}

// hostPort returns the address in the first URL; empty if there is none.
func hostPort(urls []string) string {
	if len(urls) == 0 {
		return ""
	}
	u, err := url.Parse(urls[0])
	if err != nil {
		return ""
	}
	return u.Host
}
