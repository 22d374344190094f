package connections

import (
	"context"
	"net"
	"net/url"

	"github.com/pontoon-raft/pontoon/plugins"
)

// Backend is what a transport brings.
type Backend struct {
	// Info is the answer of Describe. Its capabilities name the schemes of URLs that the
	// network dials; see transport.Scheme.
	Info plugins.Info
	// Configure reads the section of the configuration, before anything is touched.
	Configure func(section []byte) (Network, error)
}

// A Network makes connections. Its methods may be called concurrently.
//
// A connection carries bytes in order and unchanged or breaks, has deadlines, and its ends
// see that the other one has closed it. Many of them, to one peer too, do not hold each other
// up.
type Network interface {
	// Listen listens on an address of the configuration. That of the listener is what peers
	// dial, with the real port. An error that matches syscall.EADDRINUSE is a
	// transport.ErrAddressInUse.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Dial connects to a peer's URL, of one of the schemes of Info, as transport.ParseURL
	// reads it. It gives up when ctx ends.
	Dial(ctx context.Context, u *url.URL) (net.Conn, error)
}
