package quictransport

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings/settingstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// opened is a transport of this backend.
type opened = shell.Shell[timing]

const testCluster = 0xabc

// patience bounds a test that fails, not one that succeeds.
const patience = 30 * time.Second

// quick is timing for tests of what happens when nothing does.
func quick(time.Duration) timing {
	t := newTiming(0)
	t.Link, t.Heartbeat, t.Redial, t.Knock = time.Second, 200*time.Millisecond, 20*time.Millisecond, 50*time.Millisecond
	return t
}

// endless is timing in which nothing is given up for being silent.
func endless(time.Duration) timing {
	t := newTiming(time.Hour)
	t.Link, t.Redial = time.Hour, 10*time.Millisecond
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

// openNode opens a transport that ends with the test and returns its URL.
func openNode(t testing.TB, node uint64, config string, h transport.Handler) (*opened, string) {
	t.Helper()
	return openWith(t, quick, testOptions(node, config), h)
}

func openWith(t testing.TB, timing func(time.Duration) timing, opts transport.Options, h transport.Handler) (*opened, string) {
	t.Helper()
	tr := New(backend.Env{}).(*opened)
	tr.Timing = timing
	address, err := tr.Open(context.Background(), opts, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return tr, "quic://" + address
}

// connect makes tr know one peer alone.
func connect(t testing.TB, tr transport.Transport, peer uint64, urls ...string) {
	t.Helper()
	err := tr.SetPeers(context.Background(), transport.PeerSet{Peers: []transport.Peer{{Id: peer, Urls: urls}}})
	if err != nil {
		t.Fatal(err)
	}
}

// events is a Handler that keeps what it gets.
type events struct {
	mu       sync.Mutex
	messages []transport.Envelope
	notified []transport.Event
	receive  func(context.Context, transport.SnapshotHeader, io.Reader) error
}

func (e *events) Deliver(envelopes []transport.Envelope) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = append(e.messages, envelopes...)
}

func (e *events) Notify(all []transport.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notified = append(e.notified, all...)
}

func (e *events) ReceiveSnapshot(ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
	e.mu.Lock()
	receive := e.receive
	e.mu.Unlock()
	if receive != nil {
		return receive(ctx, h, r)
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

// count is how many events of the kind are about the peer.
func (e *events) count(kind pluginv1.EventType, peer uint64) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, event := range e.notified {
		if event.Type == kind && event.Peer == peer {
			n++
		}
	}
	return n
}

// got reports whether a message with the payload has arrived.
func (e *events) got(payload []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.messages {
		if string(m.Payload) == string(payload) {
			return true
		}
	}
	return false
}

// eventually waits until something is so, and does again now and then what may
// lead there.
func eventually(t testing.TB, what string, done func() bool, again func()) {
	t.Helper()
	await.That(t, patience, what, func() bool {
		if done() {
			return true
		}
		if again != nil {
			again()
		}
		return false
	})
}

func encode(t testing.TB, m pluginv1.Message) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// beat is a small control message that differs by number.
func beat(t testing.TB, from, to, number uint64) transport.Envelope {
	m := pluginv1.Message{Type: 8, From: from, To: to, Term: 1, Commit: number}
	return transport.Envelope{Group: 1, From: from, To: to, Class: pluginv1.MessageClass_CLASS_CONTROL, Payload: encode(t, m)}
}

// establish waits until messages go from one node to another.
func establish(t testing.TB, tr transport.Transport, to *events, from, id uint64) {
	t.Helper()
	m := beat(t, from, id, 1<<40)
	eventually(t, "a first message", func() bool { return to.got(m.Payload) }, func() { send(t, tr, m) })
}

func send(t testing.TB, tr transport.Transport, m ...transport.Envelope) {
	t.Helper()
	if err := tr.Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
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
		{"max_connections_per_address: 0", "127.0.0.1:0", "max_connections_per_address"},
		{"max_snapshots: -1", "127.0.0.1:0", "max_snapshots"},
		{"max_snapshots: 65", "127.0.0.1:0", "max_snapshots"},
		{"queue_bytes: 1", "127.0.0.1:0", "queue_bytes"},
		{"snapshot_rate: 1", "127.0.0.1:0", "snapshot_rate"},
		{"insecure: perhaps", "127.0.0.1:0", "line 1"},
		{"tls: {cert: a, key: b}", "127.0.0.1:0", "tls.ca"},
		{"{insecure: true, tls: {cert: a, key: b, ca: c}}", "127.0.0.1:0", "insecure"},
		{"", "0.0.0.0:0", "insecure: true"},
		{"", ":0", "insecure: true"},
		{"", "node.example:0", "insecure: true"},
		{"", "no address", "no address"},
	} {
		t.Run(c.config+" "+c.listen, func(t *testing.T) {
			opts := testOptions(1, c.config)
			opts.Listen = c.listen
			_, err := New(backend.Env{}).Open(context.Background(), opts, &events{})
			if !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("got %v, want ErrInvalidConfig naming %q", err, c.names)
			}
		})
	}
}

func TestAddressInUseNamesTheAddress(t *testing.T) {
	_, url := openNode(t, 1, "", &events{})
	opts := testOptions(2, "")
	opts.Listen = strings.TrimPrefix(url, "quic://")
	_, err := New(backend.Env{}).Open(context.Background(), opts, &events{})
	if !errors.Is(err, transport.ErrAddressInUse) || !strings.Contains(err.Error(), opts.Listen) {
		t.Errorf("got %v, want ErrAddressInUse naming %s", err, opts.Listen)
	}
}

// A URL that cannot be used is reported, and costs only its own peer.
func TestSetPeersAppliesTheRest(t *testing.T) {
	tr, _ := openNode(t, 1, "", &events{})
	err := tr.SetPeers(context.Background(), transport.PeerSet{Peers: []transport.Peer{
		{Id: 2, Urls: []string{"quic://198.51.100.1:1"}},
		{Id: 3, Urls: []string{"quic://127.0.0.1:1"}},
		{Id: 4, Urls: []string{"http://127.0.0.1:1", "quic://127.0.0.1", "quic://127.0.0.1:1/path", "\x00"}},
		{Id: 1, Urls: []string{"quic://127.0.0.1:1"}},
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

// B8: timeouts of dials follow the election timeout.
func TestB8DialTimeoutFollowsElection(t *testing.T) {
	for election, want := range map[time.Duration]time.Duration{
		time.Second: 2 * time.Second, 50 * time.Second: 51 * time.Second,
	} {
		if got := newTiming(election).Dial; got != want {
			t.Errorf("election %v: dial timeout %v, want %v", election, got, want)
		}
	}
}
