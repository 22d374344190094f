// Package trust is by what a transport believes callers, and which addresses it may
// use for that reason.
package trust

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/guard"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/refusals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/settings"
)

// Trust has certificates, by which both ends know which member the other one is, or
// else nothing: the other end's word is believed then, and addresses are those of
// loopback unless the settings allow others. It does not change, and may be used by
// anyone.
type Trust struct {
	// Members are the certificates; nil without.
	Members *peertls.Identity
	// Guard decides on addresses.
	Guard guard.Guard
	// Refusals has those that were refused for who they are.
	Refusals *refusals.Refusals

	metrics string
}

// Open reads the certificates, if there are to be any. g is the guard of connections
// without them, metrics what the names of metrics begin with.
func Open(s settings.Settings, g guard.Guard, self membercert.Name, logger *slog.Logger, metrics string) (Trust, error) {
	if s.TLS != nil || s.Insecure {
		g.Lack = ""
	}
	t := Trust{Guard: g, Refusals: refusals.New(logger, metrics+"refused_total"), metrics: metrics}
	if s.TLS == nil {
		return t, nil
	}
	var err error
	t.Members, err = peertls.Open(*s.TLS, self, logger)
	return t, err
}

// Proven tells whether members prove who they are.
func (t Trust) Proven() bool { return t.Members != nil }

// Watch keeps the certificates up to date until ctx ends.
func (t Trust) Watch(ctx context.Context) {
	if t.Proven() {
		t.Members.Watch(ctx)
	}
}

// Write writes what can be measured of it, in Prometheus' text format.
func (t Trust) Write(w io.Writer) error {
	if t.Proven() {
		name := t.metrics + "certificate_expires_seconds"
		if _, err := fmt.Fprintf(w, "# HELP %s When this member's certificate runs out, Unix time.\n# TYPE %s gauge\n%s %d\n",
			name, name, name, t.Members.Expires().Unix()); err != nil {
			return err
		}
	}
	return t.Refusals.Write(w)
}
