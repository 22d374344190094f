// Package reach logs why a transport cannot reach a peer.
package reach

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
)

const (
	// quiet is how long the same reason of the same peer is not logged again.
	quiet = time.Minute
	// maxPeers bounds what is remembered; peers beyond are not logged.
	maxPeers = 256
)

// A Cause is an error of a backend and the word for it.
type Cause struct {
	Err  error
	Word string
}

// A Log has a line for each peer that cannot be reached: at once, whenever the
// reason is one that was not said in the last minute, and once a minute while
// it lasts; and one line when the peer is reached again. All methods may be
// called at any time by anyone.
type Log struct {
	logger *slog.Logger
	causes []Cause

	mu    sync.Mutex
	peers map[uint64]*outage
}

// outage is what was said of a peer.
type outage struct {
	since  time.Time // zero while the peer is reached, as far as was said
	reason string
	said   map[string]time.Time
}

// New returns a log whose reasons are those of the causes, in this order,
// before those that all backends share.
func New(logger *slog.Logger, causes ...Cause) *Log {
	return &Log{logger: logger, causes: causes, peers: map[uint64]*outage{}}
}

// Failed notes why an attempt to reach the peer, at the URL, has failed.
func (l *Log) Failed(peer uint64, url string, err error) {
	reason := l.reason(err)
	if !l.note(peer, reason) {
		return
	}
	attrs := []slog.Attr{
		slog.String("peer", strconv.FormatUint(peer, 16)), slog.String("url", url),
		slog.String("reason", reason), slog.Any("error", err),
	}
	var m *transport.Mismatch
	if errors.As(err, &m) {
		attrs = append(attrs, greeting("own_greeting", m.Own), greeting("peer_greeting", m.Peer))
	}
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, "peer cannot be reached", attrs...)
}

// Reached notes that a connection with the peer has come about.
func (l *Log) Reached(peer uint64) {
	l.mu.Lock()
	o := l.peers[peer]
	if o == nil || o.since.IsZero() {
		l.mu.Unlock()
		return
	}
	reason, took := o.reason, time.Since(o.since)
	o.since = time.Time{}
	l.mu.Unlock()
	l.logger.Info("peer can be reached again", "peer", strconv.FormatUint(peer, 16), "reason_was", reason, "after", took.Round(time.Millisecond))
}

// Forget drops what was said of peers that are left out of the set.
func (l *Log) Forget(peer uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.peers, peer)
}

// note reports whether the reason has to be said.
func (l *Log) note(peer uint64, reason string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.peers[peer]
	if o == nil {
		if len(l.peers) >= maxPeers {
			return false
		}
		o = &outage{said: map[string]time.Time{}}
		l.peers[peer] = o
	}
	now := time.Now()
	if at, said := o.said[reason]; said && now.Sub(at) < quiet {
		return false
	}
	o.said[reason] = now
	if o.reason = reason; o.since.IsZero() {
		o.since = now
	}
	return true
}

// reason is a word for why an attempt has failed. There are few words: each of
// them may be said once a minute.
func (l *Log) reason(err error) string {
	var m *transport.Mismatch
	if errors.As(err, &m) {
		return word(m.Reason)
	}
	for _, c := range l.causes {
		if errors.Is(err, c.Err) {
			return c.Word
		}
	}
	var lookup *net.DNSError
	var timeout net.Error
	tls := peertls.Reason(err)
	switch {
	case errors.As(err, &lookup):
		return "name"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no_route"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case tls != "":
		return "tls_" + tls
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection_broke"
	}
	return "other"
}

// word names what does not fit.
func word(r transport.MismatchReason) string {
	switch r {
	case transport.MismatchStore:
		return "other_store"
	case transport.MismatchFounding:
		return "other_founding"
	case transport.MismatchNumber:
		return "other_number"
	}
	return "greeting"
}

// greeting is an attribute that shows all of one.
func greeting(key string, g transport.Greeting) slog.Attr {
	hex := func(n uint64) string { return strconv.FormatUint(n, 16) }
	return slog.Group(key, "store", hex(g.Store), "number", hex(g.Number), "founding", hex(g.Founding))
}
