package api

import (
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A token counts where the way to the host keeps it secret: over TLS, or on the machine
// itself. From elsewhere without TLS it is refused, as a wrong one is.
func TestATokenInTheClearIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.json")
	_, text, err := access.CreateToken(file, "app", access.Write, time.Time{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	g, err := access.New(&access.Policy{TokensFile: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		address string
		tls     *tls.ConnectionState
		ok      bool
	}{
		"over TLS":                  {address: "192.0.2.7", tls: &tls.ConnectionState{}, ok: true},
		"on the machine":            {address: "127.0.0.1", ok: true},
		"on the machine, by IPv6":   {address: "::1", ok: true},
		"from elsewhere":            {address: "192.0.2.7"},
		"from elsewhere, by IPv6":   {address: "2001:db8::1"},
		"from the network's own":    {address: "10.0.0.1"},
		"from a link-local address": {address: "fe80::1"},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := byPolicy(g, byCertificate)(caller{
				address: &net.TCPAddr{IP: net.ParseIP(c.address), Port: 1}, tls: c.tls, request: hostv1.Host_Propose_FullMethodName,
				header: func(string) string { return "Bearer " + text },
			})
			if c.ok && (err != nil || id.Name != "app") {
				t.Errorf("it is %q: %v", id.Name, err)
			}
			if !c.ok && !errors.Is(err, server.ErrUnauthenticated) {
				t.Errorf("it is %q: %v", id.Name, err)
			}
		})
	}
}
