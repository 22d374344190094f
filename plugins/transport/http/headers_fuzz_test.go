package httptransport

import (
	"net/http"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// FuzzHeaders: a caller's headers about itself are refused, or are written again
// alike; no version makes a panic.
func FuzzHeaders(f *testing.F) {
	f.Add("fa4", "4045", "1", "3.5.0", "3.0.0", "17", "2")
	f.Add("", "0", "ffffffffffffffff", "", "", "-1", "1e9")
	f.Add("g", " 1", "00000000000000001", "3", "3.5", "18446744073709551616", "")
	f.Fuzz(func(t *testing.T, store, cluster, founding, version, minimum, index, term string) {
		h := http.Header{}
		for key, value := range map[string]string{
			headerStore: store, headerNumber: cluster, headerFounding: founding, headerVersion: version, headerMinVersion: minimum,
			headerRemovedIndex: index, headerRemovedTerm: term,
		} {
			h.Set(key, value)
		}
		self := identity{node: 1, cluster: 2}
		_ = self.check(h)
		_ = streams(version)
		if m := removedProof(h, 7); m.Id != 7 {
			t.Fatalf("proof of another member: %+v", m)
		}
		g, err := greetingOf(h)
		if err != nil {
			return
		}
		said := http.Header{}
		setGreeting(said, g)
		if again, err := greetingOf(said); err != nil || again != g {
			t.Fatalf("%+v became %+v: %v", g, again, err)
		}
		_ = transport.Greeting{Store: 1, Number: 2, Founding: 3}.Judge(g, 4)
	})
}

// FuzzConfig: a config section is refused, or is one within the bounds.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("max_connections: 100\nmax_snapshots: 2\nold_peers: true\n"))
	f.Add([]byte("tls: {cert: a, key: b, ca: c}"))
	f.Add([]byte("queue_bytes: -1"))
	f.Fuzz(func(t *testing.T, section []byte) {
		c, err := parseConfig(section)
		if err == nil && (c.MaxConnections < 1 || c.MaxConnectionsPerAddress < 1 || c.MaxSnapshots < 1 || c.MaxSnapshots > transport.MostSnapshots) {
			t.Fatalf("%q gives %+v", section, c)
		}
	})
}
