package httptransport

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings/settingstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// opened is a transport of this backend.
type opened = shell.Shell[timing]

const testCluster = 0xabc

// quick is timing for tests of what happens when nothing does.
func quick(time.Duration) timing {
	t := newTiming(0)
	t.Link, t.Heartbeat, t.idle = 300*time.Millisecond, 100*time.Millisecond, 500*time.Millisecond
	return t
}

func testOptions(node uint64, config string) transport.Options {
	return transport.Options{
		Options: plugins.Options{
			ClusterID: testCluster, NodeID: node, Group: 1, Config: []byte(config), Limits: plugins.DefaultLimits(),
		},
		Listen: "127.0.0.1:0",
	}
}

// openNode opens a transport that ends with the test and returns its URL. Its
// timing is quick unless another one is given.
func openNode(t *testing.T, node uint64, config string, h transport.Handler, other ...func(time.Duration) timing) (*opened, string) {
	t.Helper()
	tr := New(backend.Env{}).(*opened)
	tr.Timing = quick
	for _, timing := range other {
		tr.Timing = timing
	}
	address, err := tr.Open(context.Background(), testOptions(node, config), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tr, "http://" + address
}

// endpointOf is that of a transport which is open.
func endpointOf(t *opened) *endpoint {
	e, err := t.Endpoint()
	if err != nil {
		panic(err)
	}
	return e.(*endpoint)
}

func TestOpenRefusesBadConfig(t *testing.T) {
	for _, c := range []struct{ config, listen, names string }{
		{"max_conections: 3", "127.0.0.1:0", "max_conections"},
		{"max_connections: 0", "127.0.0.1:0", "max_connections"},
		{"max_snapshots: -1", "127.0.0.1:0", "max_snapshots"},
		{"max_snapshots: 65", "127.0.0.1:0", "max_snapshots"},
		{"queue_bytes: 1", "127.0.0.1:0", "queue_bytes"},
		{"insecure: perhaps", "127.0.0.1:0", "line 1"},
		{"tls: {}", "127.0.0.1:0", "tls.cert is missing"},
		{"tls: {cert: a, key: b, cs: c}", "127.0.0.1:0", "cs"},
		{"tls: {cert: a, key: b}", "127.0.0.1:0", "tls.ca is missing"},
		{"tls: {cert: /nowhere/a, key: b, ca: c}", "127.0.0.1:0", "/nowhere/a"},
		{"{old_peers: true, tls: {cert: a, key: b, ca: c}}", "127.0.0.1:0", "old_peers"},
		{"{insecure: true, tls: {cert: a, key: b, ca: c}}", "127.0.0.1:0", "insecure"},
		{"", "0.0.0.0:0", "insecure: true"},
		{"", ":0", "insecure: true"},
		{"", "node.example:0", "insecure: true"},
		{"", "no address", "no address"},
	} {
		t.Run(c.config+" "+c.listen, func(t *testing.T) {
			opts := testOptions(1, c.config)
			opts.Listen = c.listen
			_, err := New(backend.Env{}).Open(context.Background(), opts, &sink{})
			if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("got %v, want ErrInvalidConfig naming %q", err, c.names)
			}
		})
	}
}

func TestPlainTCPOffLoopbackNeedsInsecure(t *testing.T) {
	opts := testOptions(1, "insecure: true")
	opts.Listen = "0.0.0.0:0"
	tr := New(backend.Env{})
	if _, err := tr.Open(context.Background(), opts, &sink{}); err != nil {
		t.Error(err)
	}
	if err := tr.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestAddressInUseNamesTheAddress(t *testing.T) {
	_, url := openNode(t, 1, "", &sink{})
	opts := testOptions(2, "")
	opts.Listen = strings.TrimPrefix(url, "http://")
	_, err := New(backend.Env{}).Open(context.Background(), opts, &sink{})
	if !errors.Is(err, transport.ErrAddressInUse) || !strings.Contains(err.Error(), opts.Listen) {
		t.Errorf("got %v, want ErrAddressInUse naming %s", err, opts.Listen)
	}
}

// A URL that cannot be used is reported, and costs only its own peer.
func TestSetPeersAppliesTheRest(t *testing.T) {
	tr, _ := openNode(t, 1, "", &sink{})
	err := tr.SetPeers(context.Background(), transport.PeerSet{Peers: []transport.Peer{
		{Id: 2, Urls: []string{"http://198.51.100.1:1"}},
		{Id: 3, Urls: []string{"http://127.0.0.1:1"}},
		{Id: 4, Urls: []string{"ftp://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:1/path", "\x00"}},
		{Id: 1, Urls: []string{"http://127.0.0.1:1"}},
	}})
	if !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("got %v, want ErrInvalidArgument", err)
	}
	peers := endpointOf(tr).Roster.Named()
	if len(peers) != 3 || peers[2].urls.Pick() != nil || peers[3].urls.Pick() == nil || peers[4].urls.Pick() != nil {
		t.Errorf("peers are %v", peers)
	}
}

// The schema names exactly the keys that the decoder knows.
func TestSchemaMatchesConfig(t *testing.T) {
	settingstest.CheckSchema(t, New(backend.Env{}).Describe().ConfigSchema, defaultConfig())
}

func TestB8DialTimeoutFollowsElection(t *testing.T) {
	for election, want := range map[time.Duration]time.Duration{
		time.Second: 2 * time.Second, 50 * time.Second: 51 * time.Second,
	} {
		if got := newTiming(election).Dial; got != want {
			t.Errorf("election %v: dial timeout %v, want %v", election, got, want)
		}
	}
}

func TestVersionsCompatible(t *testing.T) {
	for _, c := range []struct {
		version, minimum string
		want             bool
	}{
		{"3.5.0", "3.0.0", true},
		{"3.7.3", "3.0.0", true},
		{"4.0.0-alpha.1", "3.0.0", true},
		{"9.9.9", "3.5.0", true},
		{"3.0.0", "2.3.0", true},
		{"2.3.8", "2.0.0", false},
		{"", "", false},
		{"4.0.0", "3.6.0", false},
		{"garbage", "3.0.0", false},
		{"3.5.0", "x.y.z", false},
		{"3", "3.0.0", false},
	} {
		if got := compatible(c.version, c.minimum, minClusterVersion); got != c.want {
			t.Errorf("%q with minimum %q: %t, want %t", c.version, c.minimum, got, c.want)
		}
	}
}
