package memberform

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// A member may have MostURLs peer URLs. Each of them, and its client address, may have
// MostAddress bytes. Replicas decide by these numbers which changes they take into the
// membership, so they are not settings.
const (
	MostURLs    = 16
	MostAddress = 1024
)

var (
	errTooLong   = fmt.Errorf("is too long; at most %d bytes", MostAddress)
	errNoHost    = errors.New("has no host; write one that others can reach")
	errWildcard  = errors.New("is the address of no host; write one that others can reach")
	errPort      = errors.New("has no port from 1 to 65535")
	errCharacter = errors.New("has a character that is not part of an address")
)

// CheckPeerURL says whether text can be a peer URL. http and https have a host and
// a port and nothing else, unix and unixs the path of a socket; the needs of any
// other scheme are for its transport to check. The error quotes text.
func CheckPeerURL(text string) error {
	if err := checkCharacters(text); err != nil {
		return err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a URL; write for example http://10.0.0.1:7501", text)
	case IsSocket(u.Scheme):
		return checkSocket(text, u)
	case u.Scheme == "" || u.Host == "":
		return fmt.Errorf("%q has no scheme or no host; write for example http://10.0.0.1:7501", text)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "?"):
		return fmt.Errorf("%q must end after the port; write %s://%s", text, u.Scheme, u.Host)
	}
	if err := CheckAddress(u.Host); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	return nil
}

// CheckAddress says whether address is a host:port that others can reach. The
// error quotes it.
func CheckAddress(address string) error {
	host, port, err := split(address)
	if err != nil {
		return err
	}
	switch ip := net.ParseIP(host); {
	case port == 0:
		return fmt.Errorf("%q %w", address, errPort)
	case host == "":
		return fmt.Errorf("%q %w", address, errNoHost)
	case ip != nil && ip.IsUnspecified():
		return fmt.Errorf("%q %w", address, errWildcard)
	}
	return nil
}

// CheckListener is CheckAddress for where to listen: it may leave out the host,
// name the wildcard address, or leave the port to the system with 0.
func CheckListener(address string) error {
	_, _, err := split(address)
	return err
}

func split(address string) (host string, port uint16, err error) {
	if err := checkCharacters(address); err != nil {
		return "", 0, err
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", address)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q %w", address, errPort)
	}
	return host, uint16(n), nil
}

func checkCharacters(text string) error {
	if len(text) > MostAddress {
		return fmt.Errorf("%.40q… %w", text, errTooLong)
	}
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("%q %w", text, errCharacter)
		}
	}
	return nil
}

// IsLoopback tells whether only this machine can reach address, a host or a
// host:port. One without a host is that of all interfaces.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
