package loopback

import "net"

// Address tells whether an address to listen on, host:port, is one that only
// programs of this machine reach.
func Address(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
