package hostconfig

import (
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
)

// withPorts is a configuration whose sections api and admin are those given.
func withPorts(t *testing.T, api, admin string) (*Config, *Origins, error) {
	t.Helper()
	return load("n1.yaml", []byte(`node: {id: 1, name: n1}
cluster:
  id: a3
  members: [{id: 1, name: n1, peer_urls: ["http://127.0.0.1:7501"], client_address: "127.0.0.1:7401"}]
api: `+api+`
admin: `+admin+`
`), nil, nil)
}

// Off loopback a port has TLS, or the word that none is meant. The problem names
// the ways out.
func TestAPortOffLoopbackSaysHowItIsProtected(t *testing.T) {
	for _, c := range []struct{ name, api, admin, says string }{
		{"loopback", `{listen: "127.0.0.1:1"}`, `{listen: "[::1]:2"}`, ""},
		{"all interfaces", `{listen: ":1"}`, `{}`, "api.listen: :1 is not a loopback address"},
		{"an address", `{listen: "10.0.0.1:1"}`, `{}`, "api.insecure: true"},
		{"the word", `{listen: "10.0.0.1:1", insecure: true}`, `{}`, ""},
		{"TLS", `{listen: "10.0.0.1:1", tls: {cert: c, key: k}}`, `{listen: ":2"}`, ""},
		{"the admin port", `{}`, `{listen: ":2"}`, "admin.insecure: true"},
		{"the admin port with the word", `{tls: {cert: c, key: k}}`, `{listen: ":2", insecure: true}`, ""},
		{"both", `{insecure: true, tls: {cert: c, key: k}}`, `{}`, "api.insecure: is true, and api.tls.cert is set"},
		{"no key", `{tls: {cert: c}}`, `{}`, "api.tls.key: is missing"},
		{"no certificate", `{tls: {key: k}}`, `{}`, "api.tls.cert: is missing"},
		{"an authority alone", `{tls: {client_ca: a}}`, `{}`, "api.tls.cert: is missing"},
		{"certificates of unknown authorities", `{tls: {cert: c, key: k, client_auth: required}}`, `{}`, "api.tls.client_ca"},
		{"an authority for nothing", `{tls: {cert: c, key: k, client_ca: a, client_auth: none}}`, `{}`, "has no effect"},
		{"an unknown way", `{tls: {cert: c, key: k, client_ca: a, client_auth: maybe}}`, `{}`, "use none or optional or required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := withPorts(t, c.api, c.admin)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

// The admin port is protected as the client port, as far as it says nothing else.
func TestTheAdminPortTakesTheTLSOfTheClientPort(t *testing.T) {
	const mutual = `{tls: {cert: c, key: k, client_ca: a}}`
	for _, c := range []struct {
		name, api, admin string
		want             core.TLSConfig
	}{
		{"nothing said", mutual, `{listen: "127.0.0.1:2"}`, core.TLSConfig{Cert: "c", Key: "k", ClientCA: "a", ClientAuth: authRequired}},
		{"probes without certificates", mutual, `{listen: "127.0.0.1:2", tls: {client_auth: optional}}`, core.TLSConfig{Cert: "c", Key: "k", ClientCA: "a", ClientAuth: "optional"}},
		{"no certificates", mutual, `{listen: "127.0.0.1:2", tls: {client_auth: none}}`, core.TLSConfig{Cert: "c", Key: "k", ClientCA: "", ClientAuth: authNone}},
		{"its own", mutual, `{listen: "127.0.0.1:2", tls: {cert: d, key: l, client_ca: b}}`, core.TLSConfig{Cert: "d", Key: "l", ClientCA: "b", ClientAuth: authRequired}},
		{"plain", mutual, `{listen: "127.0.0.1:2", insecure: true}`, core.TLSConfig{ClientAuth: authNone}},
		{"no admin port", mutual, `{}`, core.TLSConfig{ClientAuth: authNone}},
		{"no TLS", `{}`, `{listen: "127.0.0.1:2"}`, core.TLSConfig{ClientAuth: authNone}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _, err := withPorts(t, c.api, c.admin)
			if err != nil {
				t.Fatal(err)
			}
			if got.Host.AdminTLS != c.want {
				t.Errorf("got %+v, want %+v", got.Host.AdminTLS, c.want)
			}
		})
	}
}
