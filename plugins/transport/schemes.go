package transport

import (
	"net/url"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins"
)

// schemePrefix begins the capabilities that name schemes.
const schemePrefix = "scheme:"

// Scheme is the capability of a transport whose peers have URLs of the given
// scheme: Scheme("quic") is "scheme:quic". A transport states every scheme that
// it can dial. Its host gives it only URLs of these, and leaves out peers that
// have none; it refuses to advertise others; and it runs no two transports that
// share one.
//
// One that states none is given those of the schemes that it advertises. While it
// is a host's only transport it is given all URLs of a peer that has none of
// these.
func Scheme(name string) plugins.Capability { return plugins.Capability(schemePrefix + name) }

// Schemes are those that a transport states, in lower case; nil if it states
// none. Words that could not be the scheme of a URL are left out.
func Schemes(info plugins.Info) []string {
	var all []string
	for _, c := range info.Capabilities {
		if name, ok := strings.CutPrefix(string(c), schemePrefix); ok && isScheme(name) {
			all = append(all, strings.ToLower(name))
		}
	}
	return all
}

// isScheme is RFC 3986's rule; url.Parse has no other.
func isScheme(name string) bool {
	u, err := url.Parse(name + ":")
	return err == nil && u.Scheme == strings.ToLower(name) && u.Scheme != ""
}

// SchemeOf is the scheme of a peer's URL, in lower case; empty if it has none.
func SchemeOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme
}
