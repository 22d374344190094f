package quictransport

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
)

// addresses are those of the URL's host that the socket can send to, one at least.
func (e *endpoint) addresses(ctx context.Context, u *url.URL) ([]net.Addr, error) {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q: %w", u.Port(), err)
	}
	all, err := e.lookup(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, err
	}
	var usable []net.Addr
	for _, ip := range all {
		if suits(e.socket.LocalAddr(), ip.Unmap().Is4()) {
			usable = append(usable, &net.UDPAddr{IP: ip.AsSlice(), Port: int(port), Zone: ip.Zone()})
		}
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("%s has no address that can be reached from %s", u.Hostname(), e.socket.LocalAddr())
	}
	return usable, nil
}

// suits reports whether a socket can send to an IPv4 address, or else to an
// IPv6 one. A socket on the unspecified IPv6 address does both.
func suits(local net.Addr, v4 bool) bool {
	udp, ok := local.(*net.UDPAddr)
	if !ok || (udp.IP.IsUnspecified() && udp.IP.To4() == nil) {
		return true
	}
	return (udp.IP.To4() != nil) == v4
}
