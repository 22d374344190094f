package memberform

import (
	"fmt"
	"net/url"
	"strings"
)

// IsSocket tells whether URLs of that scheme name a socket in the file system
// instead of a host and a port.
func IsSocket(scheme string) bool { return scheme == "unix" || scheme == "unixs" }

// checkSocket says whether a URL with the scheme of a socket names one, and has
// nothing besides.
func checkSocket(text string, u *url.URL) error {
	if u.Host+strings.Trim(u.Path, "/") == "" || u.Opaque != "" || strings.ContainsAny(text, "?#@%") {
		return fmt.Errorf("%q names no socket; write for example %s:///run/n1.sock", text, u.Scheme)
	}
	return nil
}
