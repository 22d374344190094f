package access

import "time"

// Others is the name in a Policy that stands for every client without an entry
// of its own.
const Others = "*"

// A Policy says what clients may do, by how they prove their names. The zero
// Policy allows nothing to any client.
type Policy struct {
	// Anonymous is the role of clients without a name.
	Anonymous Role
	// Certificates are the roles of clients by the name in their certificate.
	// Others is for names that are not listed; without it these have the role of
	// anonymous clients.
	Certificates map[string]Role
	// TokensFile holds the tokens that are accepted; empty means none.
	TokensFile string
	// InsecureTokens accepts tokens over connections on which others can read
	// them: those without TLS from beyond the loopback interface.
	InsecureTokens bool
	// Limits bound what one client may ask for, by its name. Others is for names
	// that are not listed, and for each address of clients without a name.
	Limits map[string]Limit
	// Reload is how often the tokens file is looked at, and ended tokens are found;
	// by default every second.
	Reload time.Duration
}

// reloadEvery is Policy.Reload by default.
const reloadEvery = time.Second

// Names reports whether clients can prove a name at all.
func (p Policy) Names() bool { return p.TokensFile != "" || len(p.Certificates) > 0 }

// Open reports whether the policy asks nothing of any client: then there is
// nothing to decide for a request.
func (p Policy) Open() bool { return !p.Names() && p.Anonymous == Administer && len(p.Limits) == 0 }

// A Limit bounds what one client may ask for. Zero means no bound.
type Limit struct {
	// Connections are open ones that have carried a request of the client.
	Connections int
	// RequestsPerSecond counts each request, and each proposal of a stream. As many
	// may come at once.
	RequestsPerSecond int
	// ProposalsInFlight are those without an answer.
	ProposalsInFlight int
}

// limitOf is the limit of a client, and whether there is any.
func (p Policy) limitOf(i Identity) (Limit, bool) {
	if i.Name != "" {
		if l, ok := p.Limits[i.Name]; ok {
			return l, l != Limit{}
		}
	}
	l := p.Limits[Others]
	return l, l != Limit{}
}

// certified is the role of a client by the name in its certificate.
func (p Policy) certified(name string) Role {
	if r, ok := p.Certificates[name]; ok {
		return r
	}
	if r, ok := p.Certificates[Others]; ok {
		return r
	}
	return p.Anonymous
}
