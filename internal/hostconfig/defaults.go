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
	for _, p := range plugins(c) {
		if len(p.plugin.Command) == 0 {
			set(p.key+".name", &p.plugin.Name, p.shipped, "")
		}
	}
	anonymous, from := c.API.Access.byDefault()
	set("api.access.anonymous", &c.API.Access.Anonymous, anonymous, from)
	if !known {
		return // Validate says so
	}
	set("node.name", &c.Node.Name, self.Name, "from "+membersKey)
	if c.Node.Name != "" {
		set("node.data_dir", &c.Node.DataDir, "."+string(filepath.Separator)+filepath.Join("data", c.Node.Name), "from node.name")
	}
	c.completeTLS(set)
	set("api.listen", &c.API.Listen, self.ClientAddress, "from "+membersKey)
	for _, t := range c.transports() {
		set(t.key+".listen", &t.Listen, hostPort(t.Advertise), "from "+t.key+".advertise")
	}
	if c.transports()[0].key != transportKey || len(schemesOf(self.PeerURLs)) > 1 {
		return // which of the peer URLs are a transport's is for the file to say
	}
	t := &c.Plugins.Transport
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
