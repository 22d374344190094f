package transport

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins"
)

// ParseURL reads a peer's URL: scheme://host:port and nothing else, but for a
// slash at its end; the port is a number from 1 to 65535. Those of the schemes unix
// and unixs are the path of a socket instead. It is the rule for
// every transport, and what a member's URLs are held to before they are in the
// log; which schemes and hosts a transport can use is for that to say. Other
// URLs are plugins.ErrInvalidArgument. The result has the scheme in lower case,
// the host with its port, and no slash.
func ParseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: peer URL: %w", plugins.ErrInvalidArgument, err)
	}
	if u.Scheme == "unix" || u.Scheme == "unixs" {
		return socketURL(raw, u)
	}
	if u.Scheme == "" || u.Hostname() == "" || u.Port() == "" {
		return nil, fmt.Errorf("%w: peer URL %q: must be scheme://host:port", plugins.ErrInvalidArgument, raw)
	}
	if port, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
		return nil, fmt.Errorf("%w: peer URL %q: must have a port from 1 to 65535", plugins.ErrInvalidArgument, raw)
	}
	// Of an empty query, fragment or user url.Parse does not always tell.
	if (u.Path != "" && u.Path != "/") || strings.ContainsAny(raw, "?#@") {
		return nil, fmt.Errorf("%w: peer URL %q: must be nothing but scheme, host and port", plugins.ErrInvalidArgument, raw)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// socketURL reads the URL of a socket in the file system.
func socketURL(raw string, u *url.URL) (*url.URL, error) {
	if u.Host+strings.Trim(u.Path, "/") == "" || u.Opaque != "" || strings.ContainsAny(raw, "?#@%") {
		return nil, fmt.Errorf("%w: peer URL %q: must be %s:// and the path of a socket", plugins.ErrInvalidArgument, raw, u.Scheme)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, nil
}
