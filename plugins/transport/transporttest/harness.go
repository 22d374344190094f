package transporttest

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A Harness says how to make the transports under test.
type Harness struct {
	// New returns a transport that is not open and is used by its caller
	// alone. Work after its Close is registered with t.Cleanup.
	New func(t *testing.T) transport.Transport
	// Config is the config section that every one is opened with.
	Config []byte
	// NodeConfig, if not nil, makes the config section of a node instead, for
	// transports whose nodes have certificates. It may be called more than
	// once for a node.
	NodeConfig func(t *testing.T, cluster, node uint64) []byte
	// Strangers are those who must not be heard, nor told anything, although
	// they are at a member's address; see Stranger.
	Strangers []Stranger
	// Proves says that members prove who they are, so that callers that are not
	// members can be told from them.
	Proves bool
	// Listen is an address to listen on for which the system, or the
	// transport, chooses the port: "127.0.0.1:0".
	Listen string
	// URL makes the URL of a peer from the address that its Open returned.
	URL func(address string) string
	// TCP says that URL's addresses are those of TCP listeners. Links can
	// then be led through a Relay, which the tests of stalled and broken
	// connections need; without it they are left out.
	TCP bool
	// UDP, if not 0, says the same of UDP sockets, and how long nothing may go
	// through until both ends have given up a connection.
	UDP time.Duration
	// Resumes says that a snapshot whose connection breaks goes on over the
	// next one, and so arrives, as long as there is a next one soon. It needs
	// TCP.
	Resumes bool
	// Patience is how long a test waits for what must happen; 0 means 30 s. It
	// bounds a test that fails, not one that succeeds.
	Patience time.Duration
}

func (h *Harness) config(t *testing.T, cluster, node uint64) []byte {
	if h.NodeConfig == nil {
		return h.Config
	}
	return h.NodeConfig(t, cluster, node)
}

// relayed reports whether links can be stalled and broken.
func (h Harness) relayed() bool { return h.TCP || h.UDP > 0 }

// Run puts a transport to the test. Each subtest uses transports of its own.
func Run(t *testing.T, h Harness) {
	if h.Patience == 0 {
		h.Patience = patience
	}
	for _, concern := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"describe", testDescribe},
		{"delivery", testDelivery},
		{"loss", testLoss},
		{"reconnect", testReconnect},
		{"snapshot", testSnapshot},
		{"peers", testPeers},
		{"limits", testLimits},
		{"close", testClose},
		{"strangers", testStrangers},
		{"greetings", testGreetings},
		{"members", testMembers},
		{"ping", testPing},
	} {
		t.Run(concern.name, func(t *testing.T) { concern.test(t, h) })
	}
}
