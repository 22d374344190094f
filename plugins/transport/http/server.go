package httptransport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// Paths of rafthttp.
const (
	pathPipeline = "/raft"
	pathStream   = "/raft/stream"
	pathSnapshot = "/raft/snapshot"
	pathProbing  = "/raft/probing"
)

// ServeHTTP serves the requests of peers.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !e.enter() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	defer e.running.Done()
	switch {
	case sentByBrowser(r):
		http.Error(w, "a web page has no business here", http.StatusForbidden)
	case r.URL.Path == pathPipeline:
		e.servePipeline(w, r)
	case r.URL.Path == pathSnapshot:
		e.serveSnapshot(w, r)
	case strings.HasPrefix(r.URL.Path, pathSnapshot+"/"):
		e.serveTransfer(w, r)
	case r.URL.Path == pathProbing:
		e.serveProbing(w, r)
	case strings.HasPrefix(r.URL.Path, pathStream+"/"):
		e.serveStream(w, r)
	default:
		http.NotFound(w, r)
	}
}

// serveProbing answers those who measure round trips and clocks, and tells a
// removed member of this cluster so, and one that does not belong here. It asks
// for no headers.
func (e *endpoint) serveProbing(w http.ResponseWriter, r *http.Request) {
	from, err := parseID(r.Header.Get(headerFrom))
	if err == nil && e.self.check(r.Header) == nil && e.speaksFor(r, from) == nil {
		if e.refuseRemoved(w, from) {
			return
		}
		known := e.knows(from)
		if known {
			e.answerInquiry(w, r)
		}
		if known && r.Header.Get(headerTo) == formatID(e.self.node) {
			if _, ok := e.meet(w, r, from); !ok {
				return
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(probeAnswer{true, time.Now()})
}

// admit does the checks that all requests of peers begin with.
func (e *endpoint) admit(w http.ResponseWriter, r *http.Request, method string) bool {
	if r.Method != method {
		w.Header().Set("Allow", method)
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return false
	}
	w.Header().Set(headerVersion, e.self.answerTo(r.Header.Get(headerVersion)))
	w.Header().Set(headerCluster, formatID(e.self.cluster))
	if err := e.self.check(r.Header); err != nil {
		http.Error(w, err.Error(), http.StatusPreconditionFailed)
		return false
	}
	return true
}

// refuseRemoved tells a removed member so, with the proof.
func (e *endpoint) refuseRemoved(w http.ResponseWriter, from uint64) bool {
	m, removed := (*e.removed.Load())[from]
	if removed {
		markRemoved(w.Header(), m)
		http.Error(w, errRemovedMember.Error(), http.StatusGone)
	}
	return removed
}

// serveStream is the sending end of a stream that a peer has dialled.
func (e *endpoint) serveStream(w http.ResponseWriter, r *http.Request) {
	if !e.admit(w, r, http.MethodGet) {
		return
	}
	dir := path.Dir(r.URL.Path)
	if e.config.OldPeers && dir == pathStream {
		e.serveOldStream(w, r)
		return
	}
	kind, err := parseStreamKind(dir)
	if err != nil {
		http.Error(w, "invalid path", http.StatusNotFound)
		return
	}
	from, err := parseID(path.Base(r.URL.Path))
	if err != nil {
		http.Error(w, "invalid from", http.StatusNotFound)
		return
	}
	if p, met := e.dialler(w, r, from); p != nil {
		e.runStream(w, p, kind, met, nil)
	}
}

// dialler is the peer that asks for a stream, or nil if it was refused.
func (e *endpoint) dialler(w http.ResponseWriter, r *http.Request, from uint64) (*peer, meeting) {
	if !e.vouched(w, r, from) || e.refuseRemoved(w, from) {
		return nil, meeting{}
	}
	p := (*e.peers.Load())[from]
	if p == nil || p.remote {
		if e.hears(from) {
			e.learn(r, from)
		}
		http.Error(w, errUnknownSender.Error(), http.StatusNotFound)
		return nil, meeting{}
	}
	if r.Header.Get(headerTo) != formatID(e.self.node) {
		http.Error(w, errToMismatch.Error(), http.StatusPreconditionFailed)
		return nil, meeting{}
	}
	met, ok := e.meet(w, r, from)
	if !ok {
		return nil, meeting{}
	}
	return p, met
}

// runStream answers and then sends until the connection, the peer or the
// endpoint ends. of is nil but for the older form of the msgapp stream.
func (e *endpoint) runStream(w http.ResponseWriter, p *peer, kind streamKind, met meeting, of *entriesTerm) {
	living := p.living()
	if !e.book.Stands(p.id, met.peer, met.said) {
		http.Error(w, errRenewed.Error(), http.StatusServiceUnavailable)
		return
	}
	out, answered, err := takeOver(w, e.timing.link)
	if err != nil {
		if !answered {
			http.Error(w, "streams need HTTP/1.1", http.StatusHTTPVersionNotSupported)
		}
		return
	}
	ctx, cancel := context.WithCancel(living)
	defer cancel()
	writer := newStreamWriter(p, kind, out, cancel)
	if of != nil {
		writer.of, writer.encoder = of, entriesEncoder{}
	}
	var watching sync.WaitGroup
	watching.Go(func() { out.watch(cancel) })
	defer watching.Wait()
	defer out.close()
	if p.attach(writer) {
		err = writer.run(ctx)
		e.logger.Debug("stream to peer ended", "peer", formatID(p.id), "stream", kind.path(), "error", err)
	}
}

func parseStreamKind(dir string) (streamKind, error) {
	for kind := range streamKinds {
		if dir == pathStream+"/"+kind.path() {
			return kind, nil
		}
	}
	return 0, errUnknownTag
}

// servePipeline takes one message.
func (e *endpoint) servePipeline(w http.ResponseWriter, r *http.Request) {
	if !e.admit(w, r, http.MethodPost) {
		return
	}
	from, ok := e.messageSender(w, r)
	if !ok || e.refuseRemoved(w, from) {
		return
	}
	if from != 0 {
		if _, ok := e.meet(w, r, from); !ok {
			return
		}
	}
	e.learn(r, from)
	release, err := e.takeFrom(from, r.ContentLength)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer release()
	payload, err := e.readMessage(w, r)
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, plugins.ErrLimit) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "error reading raft message", code)
		return
	}
	s, err := raftmsg.Scan(payload)
	if err != nil {
		http.Error(w, "error unmarshalling raft message", http.StatusBadRequest)
		return
	}
	if from == 0 {
		if from, ok = e.namedByMessage(w, &s); !ok {
			return
		}
	}
	if code, err := e.checkMessage(&s, from); err != nil {
		http.Error(w, err.Error(), code)
		return
	}
	e.handler.Deliver([]transport.Envelope{e.envelope(from, payload, &s)})
	w.WriteHeader(http.StatusNoContent)
}

// checkMessage refuses messages that are not from the sender to this node,
// and snapshots, which have a path of their own. None of the codes means
// "removed" to any peer.
func (e *endpoint) checkMessage(s *raftmsg.Shape, from uint64) (int, error) {
	switch {
	case s.To != e.self.node:
		return http.StatusPreconditionFailed, errToMismatch
	case raftmsg.Local(s.Kind):
		return http.StatusBadRequest, raftmsg.ErrLocalType
	case (raftmsg.Link{From: from, To: e.self.node}).Check(s) != nil:
		return http.StatusBadRequest, raftmsg.ErrUnexpectedPeer
	case s.Kind == raftmsg.TypeSnap:
		return http.StatusBadRequest, errors.New("wrong raft message type")
	}
	return 0, nil
}

// readMessage reads a body that is one message. Its size bounds for how long.
func (e *endpoint) readMessage(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	body := pace.NewReader(r.Body, control.SetReadDeadline, e.timing.link)
	payload, err := readBody(body, r.ContentLength, e.maxMessage)
	if err != nil {
		return nil, err
	}
	return payload, control.SetReadDeadline(time.Time{})
}

func readBody(body io.Reader, length int64, limit int) ([]byte, error) {
	if length > int64(limit) {
		return nil, fmt.Errorf("message of %d bytes, limit %d: %w", length, limit, plugins.ErrLimit)
	}
	if length >= 0 {
		return wire.ReadBytes(body, nil, int(length))
	}
	payload, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if err == nil && len(payload) > limit {
		return nil, fmt.Errorf("message of more than %d bytes: %w", limit, plugins.ErrLimit)
	}
	return payload, err
}
