package httptransport

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/pontoon-raft/pontoon/plugins"
)

// security decides how connections are protected and which addresses may be
// used. Everything that TLS has to change is in this file: with server and
// client set, listeners and dialers use TLS and https; without, plain TCP.
type security struct {
	insecure       bool // plain TCP off loopback is allowed
	server, client *tls.Config
}

// scheme is that of the URLs that peers can be reached under.
func (s security) scheme() string {
	if s.client != nil {
		return "https"
	}
	return "http"
}

// listener puts TLS on what the listener accepts.
func (s security) listener(l net.Listener) net.Listener {
	if s.server == nil {
		return l
	}
	return tls.NewListener(l, s.server)
}

// dialer puts TLS on what a client dials.
func (s security) dialer(t *http.Transport) { t.TLSClientConfig = s.client }

// checkListen refuses to offer plain TCP to the world unasked.
func (s security) checkListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: listen address %q: %w", plugins.ErrInvalidConfig, address, err)
	}
	if s.server == nil && !s.insecure && !loopback(host) {
		return fmt.Errorf("%w: %s is not a loopback address and connections are not encrypted; "+
			"set insecure: true to listen there all the same", plugins.ErrInvalidConfig, address)
	}
	return nil
}

// parseURL reads a peer's URL and refuses those that must not be dialled.
func (s security) parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: peer URL: %w", plugins.ErrInvalidArgument, err)
	}
	switch {
	case u.Scheme != s.scheme():
		return nil, fmt.Errorf("%w: peer URL %q: scheme must be %s", plugins.ErrInvalidArgument, raw, s.scheme())
	case u.Hostname() == "" || u.Port() == "":
		return nil, fmt.Errorf("%w: peer URL %q: must have a host and a port", plugins.ErrInvalidArgument, raw)
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil:
		return nil, fmt.Errorf("%w: peer URL %q: must be nothing but scheme, host and port", plugins.ErrInvalidArgument, raw)
	case s.client == nil && !s.insecure && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%w: peer URL %q: not a loopback address and connections are not encrypted; "+
			"set insecure: true to use it all the same", plugins.ErrInvalidArgument, raw)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
