package quictransport

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
)

// Numbers with which connections and streams are closed.
const (
	closeDone quic.ApplicationErrorCode = iota
	closeReplaced
	closeNoPeer
	closeProtocol
	closeSlow
	closeRefused
	closeMismatch

	streamErrorUnknown quic.StreamErrorCode = 1
	streamErrorCut     quic.StreamErrorCode = 2
	streamErrorStop    quic.StreamErrorCode = 3
)

var (
	errReplaced     = errors.New("replaced by another connection")
	errNoLongerPeer = errors.New("no longer a peer")
	errClosing      = errors.New("closing")
)

// maxReason bounds the text in a packet that closes a connection.
const maxReason = 200

// closeConn closes a connection, if there is one, and says why.
func closeConn(conn *quic.Conn, number quic.ApplicationErrorCode, why error) {
	if conn != nil {
		text := why.Error()
		_ = conn.CloseWithError(number, text[:min(len(text), maxReason)])
	}
}

// A link is one connection to a peer. Its queues accept messages from the
// moment it is made; run sends and receives.
type link struct {
	peer     *peer
	conn     *quic.Conn
	dialler  uint64 // who dialled it
	theirRun uint64 // of the peer
	met      greetings.Meeting
	renamed  chan struct{} // holds a token when this node has something new to say of itself
	insists  bool          // the dialler knows that it has no other one
	channels [3]*channel
	before   *link         // must have ended before run begins
	finished chan struct{} // closed when run has returned
	owed     owed

	mu    sync.Mutex
	cause error // the first reason to end
	seen  [3]bool
}

func newLink(p *peer, conn *quic.Conn, dialler, run uint64, insists bool, met greetings.Meeting) *link {
	l := &link{
		peer: p, conn: conn, dialler: dialler, theirRun: run, insists: insists, met: met,
		renamed: make(chan struct{}, 1), finished: make(chan struct{}),
	}
	for _, kind := range channelKinds() {
		l.channels[kind.channelIndex()] = newChannel(l, kind)
	}
	return l
}

func (l *link) channel(kind streamKind) *channel { return l.channels[kind.channelIndex()] }

// betterThan decides between two connections to one peer, so that both ends
// decide alike: of two by the same dialler the newer one, otherwise the one
// dialled by the lower id. That one may be dead without this end knowing: if
// the peer has been restarted, or if its dialler insists.
func (l *link) betterThan(old *link) bool {
	lower := min(l.peer.e.self.node, l.peer.id)
	return l.dialler == old.dialler || l.dialler == lower || l.theirRun != old.theirRun || l.insists
}

// fail ends the link. Only the first reason counts.
func (l *link) fail(number quic.ApplicationErrorCode, why error) {
	l.mu.Lock()
	if l.cause == nil {
		l.cause = why
	}
	l.mu.Unlock()
	closeConn(l.conn, number, why)
}

// why is the reason why the link ended.
func (l *link) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause != nil {
		return l.cause
	}
	return context.Cause(l.conn.Context())
}

// run sends and receives until the connection ends. Afterwards the queues are
// closed, and what may have been lost is reported.
func (l *link) run() {
	defer close(l.finished)
	if l.before != nil {
		<-l.before.finished
		l.before = nil
	}
	p, ctx := l.peer, l.conn.Context()
	var running sync.WaitGroup
	running.Go(func() { l.acceptMessages(ctx, &running) })
	p.e.Life.Go(func() { l.acceptSnapshots(ctx) })
	for _, c := range l.channels {
		running.Go(func() { c.run(ctx) })
	}
	running.Go(func() { l.watchOwed(ctx) })
	silent := time.AfterFunc(p.e.timing.Link, l.checkControl)
	defer silent.Stop()
	<-ctx.Done()
	for _, c := range l.channels {
		p.facts.Dropped.Add(uint64(c.queue.Close()))
	}
	// The last messages written may not have arrived; that cannot be known.
	p.e.Reporter.Unreachable(p.id, "the connection ended: "+l.why().Error())
	running.Wait()
	p.detach(l)
	l.log()
}

// checkControl ends a link whose peer has opened no control stream in time.
func (l *link) checkControl() {
	l.mu.Lock()
	seen := l.seen[streamControl.channelIndex()]
	l.mu.Unlock()
	if !seen {
		l.fail(closeSlow, errNoControl)
	}
}

func (l *link) log() {
	why := l.why()
	level := slog.LevelWarn
	var closed *quic.ApplicationError
	if l.peer.e.Life.Context().Err() != nil || errors.Is(why, errReplaced) || errors.Is(why, errRenewed) || errors.Is(why, errNoLongerPeer) ||
		(errors.As(why, &closed) && (closed.ErrorCode == closeReplaced || closed.ErrorCode == closeMismatch)) {
		level = slog.LevelDebug
	}
	l.peer.e.Logger.Log(context.Background(), level, "connection to peer ended", "peer", formatID(l.peer.id), "error", why)
}
