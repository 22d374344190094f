package hostconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// The mappings of api.access, whose keys are names of clients.
const (
	certificatesKey = "api.access.certificates"
	limitsKey       = "api.access.limits"
	tokensFileKey   = "api.access.tokens_file"
	maxAccess       = 1 << 20
)

// limitsByKey are the numbers of l by their keys in a file.
func limitsByKey(l *core.ClientLimit) map[string]*int {
	return map[string]*int{
		"connections": &l.Connections, "requests_per_second": &l.RequestsPerSecond, "proposals_in_flight": &l.ProposalsInFlight,
	}
}

// roleNames are the roles that a client may have.
func roleNames() (names []string) {
	for r := access.None; r <= access.Administer; r++ {
		names = append(names, r.String())
	}
	return names
}

// anonymousByDefault is the role of clients without a name where nothing is said of
// it, and which key it follows from.
func anonymousByDefault(a *core.AccessConfig) (role, from string) {
	switch {
	case a.TokensFile != "":
		return access.None.String(), "from " + tokensFileKey
	case len(a.Certificates) > 0:
		return access.None.String(), "from " + certificatesKey
	}
	return access.Administer.String(), ""
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
func (d *document) limits(n *yaml.Node) map[string]core.ClientLimit {
	all := map[string]core.ClientLimit{}
	for name, content := range d.named(n, limitsKey, "limits") {
		if content.Kind != yaml.MappingNode {
			d.at(content.Line, "%s: the limit of %q is %s; it must be a section of keys", limitsKey, name, describe(content))
			continue
		}
		all[name] = d.limit(content, name)
	}
	return all
}

func (d *document) limit(n *yaml.Node, name string) (l core.ClientLimit) {
	values := limitsByKey(&l)
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

func (c *Config) checkAccess(ps *problems) {
	a := c.Host.Access
	if len(a.Certificates) > 0 && c.Host.ClientTLS.ClientCA == "" {
		ps.about(certificatesKey, "no client can show a certificate; name the authorities that sign those of clients in api.tls.client_ca")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Certificates)) {
		if err := checkClient(name); err != nil {
			ps.about(certificatesKey, "%v", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Limits)) {
		if err := checkClient(name); err != nil {
			ps.about(limitsKey, "%v", err)
		}
		l := a.Limits[name]
		values := limitsByKey(&l)
		for _, what := range slices.Sorted(maps.Keys(values)) {
			if n := *values[what]; n < 0 || n > maxAccess {
				ps.about(limitsKey, "%s of %q is %d; it must be from 0, which is no limit, to %d", what, name, n, maxAccess)
			}
		}
	}
}

// listAccess lists the mappings of api.access.
func (o *Origins) listAccess(a *core.AccessConfig) {
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
