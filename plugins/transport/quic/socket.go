package quictransport

import (
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"
)

// A socket is one for UDP whose writes allocate nothing. Those of net.UDPConn make a
// new address for the kernel for every datagram, and each message is at least one.
type socket struct{ *net.UDPConn }

var _ quic.OOBCapablePacketConn = socket{}

// WriteMsgUDP implements quic.OOBCapablePacketConn.
func (s socket) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	address := to.AddrPort()
	// A socket for IPv4 alone takes no IPv4 address in the form of IPv6.
	return s.WriteMsgUDPAddrPort(b, oob, netip.AddrPortFrom(address.Addr().Unmap(), address.Port()))
}
