// Package guard keeps transports on addresses that their connections are good
// enough for.
package guard

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"

	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// maxUsable bounds the URLs that a sender may say of itself.
const maxUsable = 8

// A Guard decides which addresses a transport listens on and dials. It does not
// change, and may be used by anyone.
type Guard struct {
	// Scheme is that of the URLs under which members are reached.
	Scheme string
	// Lack says in a few words what connections lack: "connections are not
	// encrypted". Such connections stay on loopback. Empty: any address may be
	// used.
	Lack string
}

// allows tells whether the host of an address may be used.
func (g Guard) allows(host string) bool { return g.Lack == "" || memberform.IsLoopback(host) }

// Own refuses, as plugins.ErrInvalidConfig, an address to listen on that would be
// open to the world unasked, and URLs of this node that members could not dial.
func (g Guard) Own(opts transport.Options) error {
	if err := g.listen(opts.Listen); err != nil {
		return err
	}
	for _, raw := range opts.Advertise {
		if _, err := g.URL(raw); err != nil {
			return fmt.Errorf("%w: advertised: %w", plugins.ErrInvalidConfig, err)
		}
	}
	return nil
}

func (g Guard) listen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: listen address %q: %w", plugins.ErrInvalidConfig, address, err)
	}
	if !g.allows(host) {
		return fmt.Errorf("%w: %s is not a loopback address and %s; "+
			"set tls, or insecure: true to listen there all the same", plugins.ErrInvalidConfig, address, g.Lack)
	}
	return nil
}

// ListenFailed is what the host hears of an error of the system for an address to
// listen on: transport.ErrAddressInUse or plugins.ErrInvalidConfig.
func ListenFailed(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: %w", address, transport.ErrAddressInUse)
	}
	return fmt.Errorf("%w: listen on %s: %w", plugins.ErrInvalidConfig, address, err)
}

// URL reads a peer's URL and refuses those that must not be dialled, as
// plugins.ErrInvalidArgument.
func (g Guard) URL(raw string) (*url.URL, error) {
	u, err := transport.ParseURL(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Scheme != g.Scheme:
		return nil, fmt.Errorf("%w: peer URL %q: scheme must be %s", plugins.ErrInvalidArgument, raw, g.Scheme)
	case !g.allows(u.Hostname()):
		return nil, fmt.Errorf("%w: peer URL %q: not a loopback address and %s; "+
			"set tls, or insecure: true to use it all the same", plugins.ErrInvalidArgument, raw, g.Lack)
	}
	return u, nil
}

// URLs reads those of a peer that the host has named. The error tells of all that
// cannot be used; the others are returned all the same.
func (g Guard) URLs(peer transport.Peer) ([]*url.URL, error) {
	var urls []*url.URL
	var errs []error
	for _, raw := range peer.Urls {
		u, err := g.URL(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("peer %x: %w", peer.Id, err))
			continue
		}
		urls = append(urls, u)
	}
	return urls, errors.Join(errs...)
}

// Usable are those that could be dialled of what a sender says of itself, and no
// more than a few of them.
func (g Guard) Usable(said []string) []*url.URL {
	var urls []*url.URL
	for _, raw := range said {
		if u, err := g.URL(raw); err == nil && len(urls) < maxUsable {
			urls = append(urls, u)
		}
	}
	return urls
}
