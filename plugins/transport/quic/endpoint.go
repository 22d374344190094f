package quictransport

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// endpoint is an open transport.
type endpoint struct {
	shell.Station[*peer]

	self     identity
	config   config
	security security
	timing   timing
	doors    *doors
	socket   net.PacketConn
	quic     *quic.Transport
	// lookup is the system's but in tests.
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// identity is who this node is and what it tells each peer. run tells one
// life of it from the next.
type identity struct {
	node, cluster, run uint64
	urls               []string
}

func newEndpoint(opts transport.Options, h transport.Handler, logger *slog.Logger, t timing) (shell.Endpoint, error) {
	c, err := parseConfig(opts.Config)
	if err != nil {
		return nil, err
	}
	var run [8]byte
	if _, err := rand.Read(run[:]); err != nil {
		return nil, err
	}
	e := &endpoint{
		self: identity{
			node: opts.NodeID, cluster: opts.ClusterID, run: binary.BigEndian.Uint64(run[:]), urls: opts.Advertise,
		},
		config: c,
		timing: t,
		lookup: net.DefaultResolver.LookupNetIP,
	}
	e.Station, err = shell.NewStation(opts, h, shell.Parts[*peer]{
		Name: Name, Logger: logger, Settings: c.Settings, Guard: bare, New: e.newPeer,
		Timing: t.Timing, Causes: causes(),
	})
	if err != nil {
		return nil, err
	}
	e.doors = newDoors(c.MaxConnections, c.MaxConnectionsPerAddress, func(address string) { e.Trust.Refusals.Called(address, refusals.ErrTooMany) })
	e.security, err = newSecurity(e.Trust)
	return e, err
}

// End implements shell.Endpoint.
func (e *endpoint) End() {
	e.Life.End(e.Roster.Close, func() {
		e.Reporter.Close()
		_ = e.quic.Close()
		_ = e.socket.Close()
	})
}
