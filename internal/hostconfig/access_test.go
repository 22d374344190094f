package hostconfig

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
)

// Access is read as it is written, and names of clients may have any case.
func TestAccessIsRead(t *testing.T) {
	c, o, err := Load(write(t, minimal+`
api:
  tls: {cert: c, key: k, client_ca: ca}
  access:
    tokens_file: tokens.json
    certificates: {ops: administer, App.Example: write, "*": read}
    limits:
      App.Example: {connections: 10, requests_per_second: 100, proposals_in_flight: 50}
      "*": {requests_per_second: 5}
`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := c.Host.Access
	if want := map[string]string{"ops": "administer", "App.Example": "write", "*": "read"}; !maps.Equal(a.Certificates, want) {
		t.Errorf("certificates %v", a.Certificates)
	}
	if want := map[string]core.ClientLimit{
		"App.Example": {Connections: 10, RequestsPerSecond: 100, ProposalsInFlight: 50}, "*": {RequestsPerSecond: 5},
	}; !maps.Equal(a.Limits, want) {
		t.Errorf("limits %v", a.Limits)
	}
	if a.TokensFile != "tokens.json" || a.Anonymous != "none" || o.Of("api.access.anonymous").Place != "from api.access.tokens_file" {
		t.Errorf("%+v, anonymous %v", a, o.Of("api.access.anonymous"))
	}
	shown := map[string]string{}
	for _, e := range o.Entries() {
		shown[e.Key] = e.Value
	}
	if shown[certificatesKey] != "*=read,App.Example=write,ops=administer" || !strings.Contains(shown[limitsKey], "App.Example: connections 10") {
		t.Errorf("shown as %q and %q", shown[certificatesKey], shown[limitsKey])
	}
}

// Clients without a name may do everything where no client can have one, and nothing
// where some can; a role that is configured counts before either.
func TestTheRoleOfAnonymousClients(t *testing.T) {
	for access, want := range map[string]string{
		"{}":                                     "administer",
		"{limits: {a: {}}}":                      "administer",
		"{tokens_file: t.json}":                  "none",
		"{certificates: {a: read}}":              "none",
		"{tokens_file: t.json, anonymous: read}": "read",
		"{anonymous: none}":                      "none",
	} {
		c, _, err := Load(write(t, minimal+"\napi: {tls: {cert: c, key: k, client_ca: ca}, access: "+access+"}\n"), nil, nil)
		if err != nil || c.Host.Access.Anonymous != want {
			t.Errorf("%s: %v, %v; want %s", access, c.Host.Access.Anonymous, err, want)
		}
	}
}

func TestWrongAccessIsRefused(t *testing.T) {
	for access, want := range map[string]string{
		"{anonymous: root}":                      `"root" is not possible; use none or read or write or administer`,
		"{certificates: {a: root}}":              `"root" is not a role`,
		"{certificates: {a: read}}":              "name the authorities that sign those of clients in api.tls.client_ca",
		"{certificates: [a]}":                    "it must be a section from names of clients to roles",
		"{certificates: {a: [read]}}":            "it must be one word",
		"{limits: {a: 5}}":                       "it must be a section of keys",
		"{limits: {a: {request_per_second: 5}}}": `did you mean "requests_per_second"?`,
		"{limits: {a: {connections: many}}}":     `connections of "a": "many" is not a whole number`,
		"{limits: {a: {connections: -1}}}":       "is -1; it must be from 0",
		"{insecure_tokens: maybe}":               "use true or false",
		"{token_file: t.json}":                   `did you mean "tokens_file"?`,
	} {
		_, _, err := Load(write(t, minimal+"\napi: {access: "+access+"}\n"), nil, nil)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "n1.yaml:") {
			t.Errorf("%s: %v; want %q", access, err, want)
		}
	}
}

// A role or a limit under a name that no client can prove would never hold, so that
// it is refused with the key, the line and the name. A configuration made in Go is
// held to the same.
func TestRolesAndLimitsAreForNamesThatClientsCanHave(t *testing.T) {
	for _, name := range []string{"Alice Smith", "team/app", "-app", "a\u202eb", "**", strings.Repeat("a", 64)} {
		for key, content := range map[string]string{certificatesKey: "read", limitsKey: "{connections: 1}"} {
			section := strings.TrimPrefix(key, "api.access.")
			_, _, err := Load(write(t, minimal+"\napi:\n  tls: {cert: c, key: k, client_ca: ca}\n  access:\n    "+section+":\n      \""+name+"\": "+content+"\n"), nil, nil)
			line := strconv.Itoa(strings.Count(minimal, "\n") + 6)
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "n1.yaml:"+line+": "+key+": ") || !strings.Contains(err.Error(), "is not a client's name") {
				t.Errorf("%s of %q: %v", key, name, err)
			}
		}
		made, _, err := Load(write(t, minimal+"\napi: {tls: {cert: c, key: k, client_ca: ca}}\n"), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		made.Host.Access.Certificates = map[string]string{name: "read"}
		made.Host.Access.Limits = map[string]core.ClientLimit{name: {}}
		if err := made.Validate(); err == nil || strings.Count(err.Error(), "is not a client's name") != 2 {
			t.Errorf("made in Go for %q: %v", name, err)
		}
	}
}
