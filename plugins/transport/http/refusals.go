package httptransport

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

const (
	// refusalQuiet is how long a refusal for the same reason of the same peer
	// is not logged again.
	refusalQuiet = 10 * time.Minute
	// maxRefusals bounds what is remembered of them. Who connects from many
	// addresses is counted, but fills neither memory nor log.
	maxRefusals = 256
)

// refusals counts connections and requests refused for who they are from, and
// logs them: one line for each peer and reason in a while.
type refusals struct {
	logger *slog.Logger

	mu     sync.Mutex
	counts map[string]uint64 // by reason
	said   map[refusal]time.Time
}

type refusal struct{ peer, reason string }

func newRefusals(logger *slog.Logger) *refusals {
	return &refusals{logger: logger, counts: map[string]uint64{}, said: map[refusal]time.Time{}}
}

// called notes that a caller was refused.
func (r *refusals) called(address string, err error) {
	host, _, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		host = address
	}
	reason := peertls.Reason(err)
	if errors.Is(err, errOtherSender) {
		reason = "other_sender"
	}
	if reason == "" {
		reason = "handshake"
	}
	if r.note(refusal{host, reason}) {
		r.logger.Warn("caller refused", "address", address, "reason", reason, "error", err)
	}
}

// dialled notes that a peer was refused, or refused this node, if that is what
// err is about.
func (r *refusals) dialled(peer uint64, err error) {
	reason := peertls.Reason(err)
	if reason == "" || reason == "timeout" || !r.note(refusal{formatID(peer), reason}) {
		return
	}
	if reason == "refused_by_peer" {
		r.logger.Warn("peer refused this node's certificate: its log says why", "peer", formatID(peer), "error", err)
		return
	}
	r.logger.Warn("peer refused", "peer", formatID(peer), "reason", reason, "error", err)
}

// note counts a refusal and reports whether it should be logged.
func (r *refusals) note(x refusal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[x.reason]++
	now := time.Now()
	maps.DeleteFunc(r.said, func(_ refusal, at time.Time) bool { return now.Sub(at) >= refusalQuiet })
	if _, said := r.said[x]; said || len(r.said) >= maxRefusals {
		return false
	}
	r.said[x] = now
	return true
}

// write writes the counts as a metric.
func (r *refusals) write(w io.Writer) error {
	r.mu.Lock()
	counts := maps.Clone(r.counts)
	r.mu.Unlock()
	const name = "pontoon_transport_http_refused_total"
	if _, err := fmt.Fprintf(w, "# HELP %s Connections and requests refused for the other end's identity, by reason.\n# TYPE %s counter\n", name, name); err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		if _, err := fmt.Fprintf(w, "%s{reason=%q} %d\n", name, reason, counts[reason]); err != nil {
			return err
		}
	}
	return nil
}
