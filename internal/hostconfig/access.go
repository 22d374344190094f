package hostconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// The mappings of api.access, whose keys are names of clients.
const (
	certificatesKey = "api.access.certificates"
	limitsKey       = "api.access.limits"
	tokensFileKey   = "api.access.tokens_file"
	maxAccess       = 1 << 20
)

// Access says which clients there are and what each may do.
type Access struct {
	// Anonymous is the role of clients without a name: none, read, write or
	// administer. By default administer, or none if clients can prove a name.
	Anonymous string
	// Certificates are roles by the name in a client's certificate; "*" is for
	// all other names.
	Certificates map[string]string
	// TokensFile has the tokens that are accepted; empty means none.
	TokensFile string
	// InsecureTokens accepts tokens on connections that others can read.
	InsecureTokens bool
	// Limits bound single clients by their names; "*" is for all others.
	Limits map[string]ClientLimit
}

// ClientLimit bounds what one client may ask for; 0 means no bound.
type ClientLimit struct{ Connections, RequestsPerSecond, ProposalsInFlight int }

// byKey are the numbers of l by their keys in a file.
func (l *ClientLimit) byKey() map[string]*int {
	return map[string]*int{
		"connections": &l.Connections, "requests_per_second": &l.RequestsPerSecond, "proposals_in_flight": &l.ProposalsInFlight,
	}
}

// roleNames are the roles that a client may have.
func roleNames() []string { return []string{"none", "read", "write", "administer"} }

// byDefault is the role of clients without a name where nothing is said of it,
// and which key it follows from.
func (a Access) byDefault() (role, from string) {
	switch {
	case a.TokensFile != "":
		return "none", "from " + tokensFileKey
	case len(a.Certificates) > 0:
		return "none", "from " + certificatesKey
	}
	return "administer", ""
}

// certificates reads the mapping from names to roles.
func (d *document) certificates(n *yaml.Node) map[string]string {
	all := map[string]string{}
	for name, content := range d.named(n, certificatesKey, "roles") {
		switch {
		case content.Kind != yaml.ScalarNode || isNull(content):
			d.at(content.Line, "%s: the role of %q is %s; it must be one word", certificatesKey, name, describe(content))
		case !slices.Contains(roleNames(), content.Value):
			d.at(content.Line, "%s: %q is not a role; use %s", certificatesKey, content.Value, strings.Join(roleNames(), ", "))
		default:
			all[name] = content.Value
		}
	}
	return all
}

// limits reads the mapping from names to limits.
func (d *document) limits(n *yaml.Node) map[string]ClientLimit {
	all := map[string]ClientLimit{}
	for name, content := range d.named(n, limitsKey, "limits") {
		if content.Kind != yaml.MappingNode {
			d.at(content.Line, "%s: the limit of %q is %s; it must be a section of keys", limitsKey, name, describe(content))
			continue
		}
		all[name] = d.limit(content, name)
	}
	return all
}

func (d *document) limit(n *yaml.Node, name string) (l ClientLimit) {
	values := l.byKey()
	known := slices.Sorted(maps.Keys(values))
	for key, content := range pairs(n) {
		p := values[key.Value]
		switch {
		case p == nil:
			d.at(key.Line, "unknown key %q in the limit of %q%s", key.Value, name, limitHint(key.Value, known))
		case content.Kind != yaml.ScalarNode || isNull(content):
			d.at(content.Line, "%s of %q is %s; it must be one number", key.Value, name, describe(content))
		default:
			if err := (intValue{p}).Set(content.Value); err != nil {
				d.at(content.Line, "%s of %q: %v", key.Value, name, err)
			}
		}
	}
	return l
}

// limitHint names the key that may have been meant, or all that there are.
func limitHint(name string, known []string) string {
	if near := suggest(name, known); near != "" {
		return didYouMean(near)
	}
	return "; known are " + strings.Join(known, ", ")
}

// named yields the entries of a mapping whose keys are names of clients.
func (d *document) named(n *yaml.Node, key, what string) func(func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.MappingNode {
			d.at(n.Line, "%s is %s; it must be a section from names of clients to %s", key, describe(n), what)
			return
		}
		for name, content := range pairs(n) {
			if name.Kind != yaml.ScalarNode || isNull(name) || name.Value == "" {
				d.at(name.Line, "a name in %s is %s", key, describe(name))
				continue
			}
			if err := checkClient(name.Value); err != nil {
				d.at(name.Line, "%s: %v", key, err)
				continue
			}
			if !yield(name.Value, content) {
				return
			}
		}
	}
}

// allOthers is the key that stands for the clients without one of their own.
const allOthers = "*"

// checkClient says whether a key can be a client's name, or stands for all others.
func checkClient(key string) error {
	if key == allOthers {
		return nil
	}
	if err := memberform.CheckClientName(key); err != nil {
		return fmt.Errorf("%w, or %s for all others", err, allOthers)
	}
	return nil
}

// checkAccess checks what only Go can have made wrong, and the numbers.
func (c *Config) checkAccess(ps *problems) {
	a := c.API.Access
	if !slices.Contains(roleNames(), a.Anonymous) {
		ps.about("api.access.anonymous", "%q is not a role; use %s", a.Anonymous, strings.Join(roleNames(), ", "))
	}
	if len(a.Certificates) > 0 && c.API.TLS.ClientCA == "" {
		ps.about(certificatesKey, "no client can show a certificate; name the authorities that sign those of clients in api.tls.client_ca")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Certificates)) {
		if err := checkClient(name); err != nil {
			ps.about(certificatesKey, "%v", err)
		}
		if role := a.Certificates[name]; !slices.Contains(roleNames(), role) {
			ps.about(certificatesKey, "%q of %q is not a role", role, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Limits)) {
		if err := checkClient(name); err != nil {
			ps.about(limitsKey, "%v", err)
		}
		l := a.Limits[name]
		values := l.byKey()
		for _, what := range slices.Sorted(maps.Keys(values)) {
			if n := *values[what]; n < 0 || n > maxAccess {
				ps.about(limitsKey, "%s of %q is %d; it must be from 0, which is no limit, to %d", what, name, n, maxAccess)
			}
		}
	}
}

// listAccess lists the mappings of api.access.
func (o *Origins) listAccess(a Access) {
	var certificates, limits []string
	for _, name := range slices.Sorted(maps.Keys(a.Certificates)) {
		certificates = append(certificates, name+"="+a.Certificates[name])
	}
	for _, name := range slices.Sorted(maps.Keys(a.Limits)) {
		l := a.Limits[name]
		limits = append(limits, fmt.Sprintf("%s: connections %d requests_per_second %d proposals_in_flight %d",
			name, l.Connections, l.RequestsPerSecond, l.ProposalsInFlight))
	}
	o.entries = append(o.entries,
		Entry{certificatesKey, strings.Join(certificates, ","), o.Of(certificatesKey)},
		Entry{limitsKey, strings.Join(limits, ", "), o.Of(limitsKey)})
}
