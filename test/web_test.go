//go:build linux

package e2e

import (
	"context"
	"strings"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
)

// webTransport is the transport http under another name and another scheme: a second
// transport that a host can tell from the first. This test binary serves it, as a
// third party's plugin.
type webTransport struct{ transport.Transport }

const webScheme = "web"

func webBackend() backend.Backend {
	return backend.Transport(webScheme, func(env backend.Env) transport.Transport { return webTransport{httptransport.New(env)} })
}

func (w webTransport) Describe() plugins.Info {
	info := w.Transport.Describe()
	info.Name, info.Capabilities = webScheme, []plugins.Capability{transport.Scheme(webScheme)}
	return info
}

func (w webTransport) Open(ctx context.Context, opts transport.Options, h transport.Handler) (string, error) {
	opts.Advertise = asHTTP(opts.Advertise)
	return w.Transport.Open(ctx, opts, h)
}

func (w webTransport) SetPeers(ctx context.Context, set transport.PeerSet) error {
	for i := range set.Peers {
		set.Peers[i].Urls = asHTTP(set.Peers[i].Urls)
	}
	return w.Transport.SetPeers(ctx, set)
}

// asHTTP takes URLs of this scheme alone: others must not have come here.
func asHTTP(urls []string) []string {
	var all []string
	for _, u := range urls {
		where, _ := strings.CutPrefix(u, webScheme+"://")
		all = append(all, "http://"+where)
	}
	return all
}
