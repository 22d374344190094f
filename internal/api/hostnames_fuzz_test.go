package api

import (
	"net/netip"
	"strings"
	"testing"
)

// FuzzHostNames: no name that a page of the internet can have passes, but those that
// are configured.
func FuzzHostNames(f *testing.F) {
	for _, host := range []string{"localhost:1", "127.0.0.1", "[::1]:7401", "attacker.example", "a.localhost", "in.example.org:1", "example.org.", "[attacker.example]"} {
		f.Add(host)
	}
	names := newHostNames([]string{".example.org"}, func() []string { return []string{"n1.internal:7401"} })
	f.Fuzz(func(t *testing.T, host string) {
		if names.check(host) != nil {
			return
		}
		name := canonical(hostOf(host))
		_, err := netip.ParseAddr(name)
		if err == nil || !strings.Contains(name, ".") || name == "n1.internal" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".example.org") {
			return
		}
		t.Fatalf("%q passes", host)
	})
}
