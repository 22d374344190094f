package core

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// TLSConfig is what one port shows its clients, and asks of them.
type TLSConfig struct {
	// Cert and Key are the files of the certificate, followed by intermediate ones if
	// any, and of its private key. Without Cert the port speaks plain TCP.
	Cert, Key string
	// ClientCA is the file of the authorities that sign the certificates of clients.
	ClientCA string
	// ClientAuth says whether clients must show a certificate: "required", which is
	// the default with ClientCA, "optional", or "none", the default without.
	ClientAuth string
}

// port is the TLS of a port as the API takes it. The word for what is asked of
// clients is checked here: a port that took a misspelt one for "none" would be open.
func (t TLSConfig) port() (api.TLS, error) {
	byDefault := api.AuthNone
	if t.ClientCA != "" {
		byDefault = api.AuthRequired
	}
	auth := cmp.Or(api.ClientAuth(t.ClientAuth), byDefault)
	if t.Cert == "" && (t.Key != "" || t.ClientCA != "" || auth == api.AuthRequired || auth == api.AuthOptional) {
		return api.TLS{}, errors.New("a port without a certificate speaks plain TCP, and asks no client for one")
	}
	switch auth {
	case api.AuthNone:
		if t.ClientCA != "" {
			return api.TLS{}, errors.New("authorities of clients are named, and clients are asked for no certificate")
		}
	case api.AuthOptional, api.AuthRequired:
		if t.ClientCA == "" {
			return api.TLS{}, fmt.Errorf("certificates of clients are %s, and no authorities of them are named", auth)
		}
	default:
		return api.TLS{}, fmt.Errorf("client auth %q is none of none, optional and required", t.ClientAuth)
	}
	return api.TLS{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, ClientAuth: auth}, nil
}

// portSettings is what the two ports ask of clients, in the words of the packages that ask.
type portSettings struct {
	client, admin api.TLS
	access        *access.Policy
}

func (c *Config) portSettings() (p portSettings, err error) {
	if p.client, err = c.ClientTLS.port(); err != nil {
		return p, fmt.Errorf("client port: %w", err)
	}
	if p.admin, err = c.AdminTLS.port(); err != nil {
		return p, fmt.Errorf("admin port: %w", err)
	}
	p.access, err = c.Access.policy()
	return p, err
}

// AccessConfig says what clients may do, by how they prove their names. Roles are
// "none", "read", "write" and "administer", each of which may do what those before it
// may. The zero AccessConfig lets no client do anything.
type AccessConfig struct {
	// Anonymous is the role of clients without a name; "none" if empty.
	Anonymous string
	// Certificates are the roles of clients by the name in their certificate. "*" is
	// for names that are not listed; without it these have the role of anonymous
	// clients.
	Certificates map[string]string
	// TokensFile holds the tokens that are accepted; empty means none.
	TokensFile string
	// InsecureTokens accepts tokens over connections on which others can read them:
	// those without TLS from beyond the loopback interface.
	InsecureTokens bool
	// Limits bound what one client may ask for, by its name. "*" is for names that are
	// not listed, and for each address of clients without a name.
	Limits map[string]ClientLimit
}

// ClientLimit bounds what one client may ask for. Zero means no bound.
type ClientLimit struct {
	// Connections are open ones that have carried a request of the client.
	Connections int
	// RequestsPerSecond counts each request, and each proposal of a stream. As many
	// may come at once.
	RequestsPerSecond int
	// ProposalsInFlight are those without an answer.
	ProposalsInFlight int
}

// policy is the access as package access takes it; nil for nil.
func (a *AccessConfig) policy() (*access.Policy, error) {
	if a == nil {
		return nil, nil
	}
	anonymous, err := access.ParseRole(cmp.Or(a.Anonymous, access.None.String()))
	if err != nil {
		return nil, fmt.Errorf("clients without a name: %w", err)
	}
	p := &access.Policy{
		Anonymous: anonymous, TokensFile: a.TokensFile, InsecureTokens: a.InsecureTokens,
		Certificates: map[string]access.Role{}, Limits: map[string]access.Limit{},
	}
	for name, word := range a.Certificates {
		if p.Certificates[name], err = access.ParseRole(word); err != nil {
			return nil, fmt.Errorf("clients with the certificate %q: %w", name, err)
		}
	}
	for name, l := range a.Limits {
		p.Limits[name] = access.Limit(l)
	}
	return p, nil
}
