package hostconfig

import (
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// The words of core.TLSConfig for what a port asks its clients for.
const (
	authNone     = string(api.AuthNone)
	authRequired = string(api.AuthRequired)
)

// tlsSettings are the settings of a port in its section.
func tlsSettings(section string, t *core.TLSConfig, insecure *bool) []setting {
	return []setting{
		{key: section + ".tls.cert", value: textValue{&t.Cert}},
		{key: section + ".tls.key", value: textValue{&t.Key}},
		{key: section + ".tls.client_ca", value: textValue{&t.ClientCA}},
		{key: section + ".tls.client_auth", value: choice(&t.ClientAuth, authNone, string(api.AuthOptional), authRequired)},
		{key: section + ".insecure", value: either(insecure, "true", "false")},
	}
}

// completeTLS gives the admin port what it does not say itself of that of the
// client port, and each a way to ask for certificates.
func (c *Config) completeTLS(set func(key string, p *string, text, from string)) {
	own, client := &c.Host.AdminTLS, c.Host.ClientTLS
	if c.Host.AdminAddress != "" && !c.Host.AdminInsecure {
		if own.Cert == "" && own.Key == "" {
			set("admin.tls.cert", &own.Cert, client.Cert, "from api.tls.cert")
			set("admin.tls.key", &own.Key, client.Key, "from api.tls.key")
		}
		if own.ClientCA == "" && own.ClientAuth != authNone && own.Cert != "" {
			set("admin.tls.client_ca", &own.ClientCA, client.ClientCA, "from api.tls.client_ca")
			set("admin.tls.client_auth", &own.ClientAuth, client.ClientAuth, "from api.tls.client_auth")
		}
	}
	for section, t := range map[string]*core.TLSConfig{"api": &c.Host.ClientTLS, "admin": own} {
		auth := authNone
		if t.ClientCA != "" {
			auth = authRequired
		}
		set(section+".tls.client_auth", &t.ClientAuth, auth, "")
	}
}

// checkTLS checks both ports, whose addresses are known.
func (c *Config) checkTLS(ps *problems) {
	checkPort(ps, "api", c.Host.ClientAddress, c.Host.ClientTLS, c.Host.ClientInsecure)
	checkPort(ps, "admin", c.Host.AdminAddress, c.Host.AdminTLS, c.Host.AdminInsecure)
}

func checkPort(ps *problems, section, listen string, t core.TLSConfig, insecure bool) {
	key := section + ".tls."
	switch {
	case t.Cert == "" && t.Key != "":
		ps.about(key+"cert", "is missing; name the PEM file with the certificate of %skey", key)
	case t.Cert != "" && t.Key == "":
		ps.about(key+"key", "is missing; name the PEM file with the private key of %scert", key)
	case t.Cert == "" && t.ClientCA != "":
		ps.about(key+"cert", "is missing; a port that asks for certificates (%sclient_ca) needs one itself", key)
	}
	switch auth := t.ClientAuth; {
	case auth != "" && auth != authNone && t.ClientCA == "":
		ps.about(key+"client_auth", "is %s; name the authorities that sign the certificates of clients in %sclient_ca", auth, key)
	case auth == authNone && t.ClientCA != "":
		ps.about(key+"client_auth", "is none, so %sclient_ca has no effect; leave one of the two out", key)
	}
	switch {
	case insecure && t.Cert != "":
		ps.about(section+".insecure", "is true, and %scert is set; leave one of the two out", key)
	case t.Cert == "" && !insecure && memberform.CheckListener(listen) == nil && !memberform.IsLoopback(listen):
		ps.about(section+".listen", "%s is not a loopback address, and connections there are neither encrypted nor is it known who makes them; "+
			"set %scert and %skey (host cert init --server makes them), or %s.insecure: true to listen there all the same", listen, key, key, section)
	}
}
