package httptransport

import (
	"log/slog"
	"net/http"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/intake"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/shell"
)

// endpoint is an open transport.
type endpoint struct {
	shell.Station[*peer]

	self     identity
	config   config
	security security
	timing   timing
	server   *http.Server
	intake   *intake.Intake

	mu        sync.Mutex                // guards transfers
	transfers map[transferKey]*transfer // the snapshots that come in parts
}

func newEndpoint(opts transport.Options, h transport.Handler, logger *slog.Logger, t timing) (shell.Endpoint, error) {
	c, err := parseConfig(opts.Config)
	if err != nil {
		return nil, err
	}
	e := &endpoint{
		self:      identity{node: opts.NodeID, cluster: opts.ClusterID, urls: opts.Advertise, oldPeers: c.OldPeers},
		config:    c,
		timing:    t,
		transfers: map[transferKey]*transfer{},
	}
	e.Station, err = shell.NewStation(opts, h, shell.Parts[*peer]{
		Name: Name, Logger: logger, Settings: c.Settings, Guard: bare(c), New: e.newPeer,
		Timing: t.Timing, Causes: causes(),
	})
	if err != nil {
		return nil, err
	}
	e.security = security{e.Trust}
	e.intake = intake.New(e.MaxMessage)
	return e, nil
}

// End implements shell.Endpoint.
func (e *endpoint) End() {
	e.Life.End(func() {
		_ = e.server.Close()
		e.Roster.Close()
	}, func() {
		e.Reporter.Close()
		for _, p := range e.Roster.Named() {
			p.clients.close() // of what ended after Stop
		}
	})
}
