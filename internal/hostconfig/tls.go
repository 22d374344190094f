package hostconfig

import "github.com/pontoon-raft/pontoon/internal/memberform"

// The ways in which a port asks its clients for certificates.
const (
	AuthNone     = "none"
	AuthOptional = "optional"
	AuthRequired = "required"
)

// TLS is how one of the ports for clients and operators is protected.
type TLS struct {
	// Cert and Key are PEM files: what the port shows, and the private key. Without
	// Cert there is no TLS.
	Cert, Key string
	// ClientCA is a PEM file with the authorities that sign clients' certificates.
	ClientCA string
	// ClientAuth is one of the Auth constants: required by default if there is a
	// ClientCA, and none otherwise.
	ClientAuth string
}

// tlsSettings are the settings of a port in its section.
func tlsSettings(section string, t *TLS, insecure *bool) []setting {
	return []setting{
		{key: section + ".tls.cert", value: textValue{&t.Cert}},
		{key: section + ".tls.key", value: textValue{&t.Key}},
		{key: section + ".tls.client_ca", value: textValue{&t.ClientCA}},
		{key: section + ".tls.client_auth", value: choice(&t.ClientAuth, AuthNone, AuthOptional, AuthRequired)},
		{key: section + ".insecure", def: "false", value: boolValue{insecure}},
	}
}

// completeTLS gives the admin port what it does not say itself of that of the
// client port, and each a way to ask for certificates.
func (c *Config) completeTLS(set func(key string, p *string, text, from string)) {
	own, api := &c.Admin.TLS, c.API.TLS
	if c.Admin.Listen != "" && !c.Admin.Insecure {
		if own.Cert == "" && own.Key == "" {
			set("admin.tls.cert", &own.Cert, api.Cert, "from api.tls.cert")
			set("admin.tls.key", &own.Key, api.Key, "from api.tls.key")
		}
		if own.ClientCA == "" && own.ClientAuth != AuthNone && own.Cert != "" {
			set("admin.tls.client_ca", &own.ClientCA, api.ClientCA, "from api.tls.client_ca")
			set("admin.tls.client_auth", &own.ClientAuth, api.ClientAuth, "from api.tls.client_auth")
		}
	}
	for section, t := range map[string]*TLS{"api": &c.API.TLS, "admin": own} {
		auth := AuthNone
		if t.ClientCA != "" {
			auth = AuthRequired
		}
		set(section+".tls.client_auth", &t.ClientAuth, auth, "")
	}
}

// checkTLS checks both ports, whose addresses are known.
func (c *Config) checkTLS(ps *problems) {
	checkPort(ps, "api", c.API.Listen, c.API.TLS, c.API.Insecure)
	checkPort(ps, "admin", c.Admin.Listen, c.Admin.TLS, c.Admin.Insecure)
}

func checkPort(ps *problems, section, listen string, t TLS, insecure bool) {
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
	case auth != "" && auth != AuthNone && t.ClientCA == "":
		ps.about(key+"client_auth", "is %s; name the authorities that sign the certificates of clients in %sclient_ca", auth, key)
	case auth == AuthNone && t.ClientCA != "":
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
