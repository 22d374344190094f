package core

import (
	"context"
	"io"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// inproc is the isolation of a plugin that runs inside the host.
const inproc = "inproc"

// Service is what a host offers its clients, without their port.
func Service(h *Host) server.Service { return h.server }

// RequestTimeout is how long a host gives its clients' requests.
func RequestTimeout(h *Host) time.Duration { return server.RequestTimeout(h.cfg.Election) }

// OnRaft runs f on the raft goroutine of a host that runs.
func OnRaft(h *Host, f func(*node.Core) error) { h.current().node.Do(f) }

// SetLevel makes a host one of a build that understands another feature level.
func SetLevel(cfg *Config, level uint64) { cfg.level = level }

// LookAtCertificates makes a host look at its certificates so often.
func LookAtCertificates(cfg *Config, every time.Duration) { cfg.certificateLook = every }

// SetClock gives a host another wall clock, in milliseconds since 1970, for the stamps of
// entries.
func SetClock(cfg *Config, clock func() uint64) { cfg.clock = clock }

// Rehearsal is how a host restores snapshots for trial.
func Rehearsal(h *Host) (func(context.Context, uint64, io.Reader) error, error) { return h.rehearsal() }

// SayRemoved is a peer's word that a host's member was removed, which it has said
// for so long already.
func SayRemoved(h *Host, peer member.ID, proof member.Removed, ago time.Duration) {
	for at := ago; at > 0; at -= h.cfg.Election {
		h.removals.say(peer, proof, time.Now().Add(-at), h.lonelyPatience())
	}
	h.toldRemoved(&transport.Event{Peer: uint64(peer), Index: proof.Index, Term: proof.Term})
}

// Awaited are the requests of which a stop awaits the answers, Abandoned those whose
// clients are gone.
func Awaited(h *Host) int   { return h.awaited() }
func Abandoned(h *Host) int { return h.api.Abandoned() }

// ReceiveSnapshot is a snapshot that a transport brings a host.
func ReceiveSnapshot(h *Host, ctx context.Context, header transport.SnapshotHeader, r io.Reader) error {
	return courierHost{h}.ReceiveSnapshot(ctx, header, r)
}
