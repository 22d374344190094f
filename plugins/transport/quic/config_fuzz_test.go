package quictransport

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// FuzzConfig: a config section is refused, or is one within the bounds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("max_connections: 100\nmax_snapshots: 2\ninsecure: true\n"))
	f.Add([]byte("tls: {cert: a, key: b, ca: c}"))
	f.Add([]byte("queue_bytes: -1"))
	f.Fuzz(func(t *testing.T, section []byte) {
		c, err := parseConfig(section)
		if err == nil && (c.MaxConnections < 1 || c.MaxConnectionsPerAddress < 1 || c.MaxSnapshots < 1 || c.MaxSnapshots > transport.MostSnapshots) {
			t.Fatalf("%q gives %+v", section, c)
		}
	})
}
