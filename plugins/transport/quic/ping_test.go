package quictransport

import (
	"context"
	"net/netip"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A ping finds a member by a name with several addresses, whichever of them it is at.
func TestAPingAsksAtEachAddressOfAHost(t *testing.T) {
	here, nowhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.77")
	for _, addresses := range [][]netip.Addr{{here, nowhere}, {nowhere, here}} {
		one, _ := openNode(t, 1, "", &events{})
		two, urlTwo := openNode(t, 2, "", &events{})
		endpointOf(one).lookup = func(context.Context, string, string) ([]netip.Addr, error) { return addresses, nil }
		connect(t, one, 2)
		connect(t, two, 1)
		if err := one.Ping(t.Context(), transport.Peer{Id: 2, Urls: []string{urlTwo}}); err != nil {
			t.Errorf("%v: %v", addresses, err)
		}
	}
}
