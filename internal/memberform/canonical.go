package memberform

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// CanonicalPeerURL is the one spelling of a peer URL by which it is compared, kept and
// hashed: of http, https and quic the scheme and the host are in lower case, an IP
// address is in its shortest form, and a port has no leading zeros. A URL that is in
// this form already, is of another scheme, or is refused by CheckPeerURL, comes back as
// it is.
func CanonicalPeerURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || CheckPeerURL(text) != nil || !slices.Contains([]string{"http", "https", "quic"}, u.Scheme) {
		return text
	}
	host, port, err := split(u.Host)
	if err != nil || u.Scheme+"://"+u.Host != strings.ToLower(u.Scheme)+text[len(u.Scheme):] {
		return text // there is more to it than host and port
	}
	host = strings.ToLower(host)
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	return u.Scheme + "://" + net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// CanonicalPeerURLs is CanonicalPeerURL of each, in a slice of its own.
func CanonicalPeerURLs(urls []string) []string {
	canonical := slices.Clone(urls)
	for i, u := range canonical {
		canonical[i] = CanonicalPeerURL(u)
	}
	return canonical
}
