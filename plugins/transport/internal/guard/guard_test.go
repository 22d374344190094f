package guard

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Connections that lack something are offered, and made, on loopback only; the
// refusal says what they lack and which settings help.
func TestWhatLacksSomethingStaysOnLoopback(t *testing.T) {
	bare, good := Guard{Scheme: "x", Lack: "nothing is proved"}, Guard{Scheme: "x"}
	for host, loopback := range map[string]bool{
		"127.0.0.1": true, "[::1]": true, "localhost": true, "0.0.0.0": false, "198.51.100.1": false, "node.example": false, "": false,
	} {
		opts := transport.Options{Listen: host + ":1"}
		err := bare.Own(opts)
		if (err == nil) != loopback || good.Own(opts) != nil {
			t.Errorf("listen on %q: %v", host, err)
		}
		if err != nil && (!errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "nothing is proved; set tls, or insecure: true")) {
			t.Errorf("listen on %q: %v", host, err)
		}
		if host == "" {
			continue
		}
		_, err = bare.URL("x://" + host + ":1")
		if _, ofGood := good.URL("x://" + host + ":1"); (err == nil) != loopback || ofGood != nil {
			t.Errorf("dial %q: %v, %v", host, err, ofGood)
		}
		if err != nil && (!errors.Is(err, plugins.ErrInvalidArgument) || !strings.Contains(err.Error(), "nothing is proved; set tls, or insecure: true")) {
			t.Errorf("dial %q: %v", host, err)
		}
	}
	if err := good.Own(transport.Options{Listen: "no address"}); !errors.Is(err, plugins.ErrInvalidConfig) || !strings.Contains(err.Error(), "no address") {
		t.Errorf("an address without a port: %v", err)
	}
}

// The system's refusals of an address to listen on have errors of the contract.
func TestListenFailed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, taken := net.Listen("tcp", l.Addr().String())
	if err := ListenFailed("here", taken); !errors.Is(err, transport.ErrAddressInUse) || !strings.Contains(err.Error(), "here") {
		t.Errorf("a taken address: %v", err)
	}
	if err := ListenFailed("here", net.ErrClosed); !errors.Is(err, plugins.ErrInvalidConfig) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("another error: %v", err)
	}
}

// A URL that cannot be used costs no other one.
func TestURLs(t *testing.T) {
	g := Guard{Scheme: "x"}
	urls, err := g.URLs(transport.Peer{Id: 10, Urls: []string{"x://a:1", "y://b:1", "x://c:1/path", "x://d:1"}})
	if fmt.Sprint(urls) != "[x://a:1 x://d:1]" || !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("%v, %v", urls, err)
	}
	if text := err.Error(); !strings.Contains(text, "peer a: ") || !strings.Contains(text, "scheme must be x") || !strings.Contains(text, "path") {
		t.Errorf("the error does not tell of both: %v", text)
	}
	if err := g.Own(transport.Options{Listen: ":1", Advertise: []string{"x://a:1", "y://b:1"}}); !errors.Is(err, plugins.ErrInvalidConfig) {
		t.Errorf("advertised: %v", err)
	}
	if err := g.Own(transport.Options{Listen: ":1", Advertise: []string{"x://a:1"}}); err != nil {
		t.Error(err)
	}
	said := []string{"y://b:1"}
	for n := range 2 * maxUsable {
		said = append(said, fmt.Sprintf("x://a:%d", n+1))
	}
	if urls := g.Usable(said); len(urls) != maxUsable || urls[0].Port() != "1" {
		t.Errorf("of what a sender says of itself: %v", urls)
	}
}
