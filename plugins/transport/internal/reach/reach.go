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
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peerurls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
)

const (
	// quiet is how long the same reason of the same peer is not logged again.
	quiet = time.Minute
	// maxStrangers bounds what is remembered of callers that are not members, and
	// so how many of them are logged in a minute.
	maxStrangers = 64
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

	mu      sync.Mutex
	members map[uint64]bool
	peers   map[uint64]*outage
	callers map[uint64]time.Time // senders that the host has not named, and that the log has
}

// outage is what was said of a peer.
type outage struct {
	since  time.Time // zero while the peer is reached, as far as was said
	reason string
	said   map[string]time.Time
	last   time.Time // when anything was said
}

// New returns a log whose reasons are those of the causes, in this order,
// before those that all backends share.
func New(logger *slog.Logger, causes ...Cause) *Log {
	return &Log{logger: logger, causes: causes, peers: map[uint64]*outage{}, callers: map[uint64]time.Time{}}
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

// Set takes who the members are, which always have room, and drops what was said
// of those that are left out.
func (l *Log) Set(set transport.PeerSet) {
	members := roster.Members(set)
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.members {
		if !members[id] {
			delete(l.peers, id)
		}
	}
	l.members = members
}

// note reports whether the reason has to be said.
func (l *Log) note(peer uint64, reason string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := l.peers[peer]
	if o == nil {
		if !l.members[peer] && !l.makeRoom() {
			return false
		}
		o = &outage{said: map[string]time.Time{}}
		l.peers[peer] = o
	}
	now := time.Now()
	if at, said := o.said[reason]; said && now.Sub(at) < quiet {
		return false
	}
	o.said[reason], o.last = now, now
	if o.reason = reason; o.since.IsZero() {
		o.since = now
	}
	return true
}

// makeRoom forgets the stranger of whom nothing was said for longest, if there are
// too many, and tells whether there is room for another one. None is forgotten
// within a minute: callers under ever new numbers would fill the log. It needs
// l.mu.
func (l *Log) makeRoom() bool {
	strangers, oldest := 0, uint64(0)
	for id, o := range l.peers {
		if l.members[id] {
			continue
		}
		if strangers++; strangers == 1 || o.last.Before(l.peers[oldest].last) {
			oldest = id
		}
	}
	if strangers < maxStrangers {
		return true
	}
	if time.Since(l.peers[oldest].last) < quiet {
		return false
	}
	delete(l.peers, oldest)
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
	case errors.Is(err, greetings.ErrRemoved):
		return "removed"
	case errors.Is(err, peerurls.ErrNone):
		return "no_url"
	case errors.Is(err, greetings.ErrNotReady):
		return "starting"
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
	return slog.Group(key, "store", hex(g.Store), "number", hex(g.Number), "founding", hex(g.Founding), "voters", g.Voters)
}
