package api

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// errUnknownHost: the request names a host that is not this one.
var errUnknownHost = errors.New("request for another host")

// hostNames are the names under which HTTP/1.1 requests may address the client
// and the admin port. The owner of a name of the public internet can have it
// resolve to any address, so a page of that name could use a host in the
// network of its reader, and its browser would take the two for one origin. The
// name is the one thing that gives such a request away.
//
// Accepted are addresses and names of a single label (localhost, the short name
// of a machine), which no page of the internet has; names below localhost; those
// of the configuration; and those of the members' client addresses.
//
// gRPC needs no such check: no browser speaks HTTP/2 without TLS, and with TLS the
// port's certificate must have the page's name.
type hostNames struct {
	configured []string // lower case; ".example.org" stands for every name below
	members    func() []string
}

func newHostNames(configured []string, members func() []string) *hostNames {
	n := &hostNames{members: members}
	for _, name := range configured {
		n.configured = append(n.configured, canonical(name))
	}
	return n
}

// check returns nil if a request that names host, with or without a port, may be
// answered.
func (n *hostNames) check(host string) error {
	name := canonical(hostOf(host))
	if _, err := netip.ParseAddr(name); err == nil || isLocal(name) {
		return nil
	}
	for _, c := range n.configured {
		if name == c || c == "*" || strings.HasPrefix(c, ".") && strings.HasSuffix(name, c) {
			return nil
		}
	}
	for _, address := range n.members() {
		if name == canonical(hostOf(address)) {
			return nil
		}
	}
	return fmt.Errorf("%w: the name %q is not known here; use an address, or add the name to api.host_names", errUnknownHost, name)
}

// isLocal tells whether no page of the internet can have name. A request without
// any is of HTTP/1.0, which browsers do not send.
func isLocal(name string) bool {
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost")
}

// hostOf is the host of host or host:port, without the brackets of an address.
func hostOf(hostPort string) string {
	if host, _, err := net.SplitHostPort(hostPort); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostPort, "["), "]")
}

func canonical(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

// guard is h for requests that address this host.
func (n *hostNames) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := n.check(r.Host); err != nil {
			http.Error(w, err.Error(), http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
