// Package refusals counts and logs whom a transport refuses for who they are.
package refusals

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

const (
	// refusalQuiet is how long a refusal for the same reason of the same peer
	// is not logged again.
	refusalQuiet = 10 * time.Minute
	// maxRefusals bounds what is remembered of them. A stranger that connects
	// from many addresses is counted, but fills neither memory nor log.
	maxRefusals = 256
)

// ErrTooMany: a connection was closed because there were too many of its address, or
// of callers that no member has spoken on. The listeners close it with this reason.
var ErrTooMany = errors.New("too many connections from there, or of callers that are no members")

// Refusals count connections and requests refused for who they are from, and
// log them: one line for each peer and reason in a while. The methods may be
// called at any time by anyone.
type Refusals struct {
	logger *slog.Logger
	metric string

	mu     sync.Mutex
	counts map[string]uint64 // by reason
	said   *repeats.Book[refusal]
}

type refusal struct{ peer, reason string }

// New returns refusals that are logged there and counted by a metric of that
// name.
func New(logger *slog.Logger, metric string) *Refusals {
	return &Refusals{
		logger: logger, metric: metric, counts: map[string]uint64{},
		said: repeats.New[refusal](repeats.Rule{Pause: refusalQuiet, Most: maxRefusals, Forgets: true}),
	}
}

// Called notes that a caller at that address was refused.
func (r *Refusals) Called(address string, err error) {
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		host = address
	}
	reason := peertls.Reason(err)
	switch {
	case errors.Is(err, ErrTooMany):
		reason = "too_many_connections"
	case reason == "":
		reason = "handshake"
	}
	if r.note(refusal{host, reason}) {
		r.logger.Warn("caller refused", "address", address, "reason", reason, "error", err)
	}
}

// Dialled notes that a peer was refused, or refused this node, if that is what
// err is about.
func (r *Refusals) Dialled(peer uint64, err error) {
	reason := peertls.Reason(err)
	id := strconv.FormatUint(peer, 16)
	if reason == "" || reason == "timeout" || !r.note(refusal{id, reason}) {
		return
	}
	if reason == "refused_by_peer" {
		r.logger.Warn("peer refused this node's certificate: its log says why", "peer", id, "error", err)
		return
	}
	r.logger.Warn("peer refused", "peer", id, "reason", reason, "error", err)
}

// note counts a refusal and reports whether it should be logged.
func (r *Refusals) note(x refusal) bool {
	r.mu.Lock()
	r.counts[x.reason]++
	r.mu.Unlock()
	_, due := r.said.Note(x, time.Now())
	return due
}

// Count is how often a member was refused for that reason.
func (r *Refusals) Count(reason string) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[reason]
}

// Write writes the counts as a metric with the label reason.
func (r *Refusals) Write(w io.Writer) error {
	r.mu.Lock()
	counts := maps.Clone(r.counts)
	r.mu.Unlock()
	if _, err := fmt.Fprintf(w, "# HELP %s Connections and requests refused for the other end's identity or number, by reason.\n# TYPE %s counter\n", r.metric, r.metric); err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		if _, err := fmt.Fprintf(w, "%s{reason=%q} %d\n", r.metric, reason, counts[reason]); err != nil {
			return err
		}
	}
	return nil
}
