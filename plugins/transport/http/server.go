package httptransport

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/greetings"
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
	if !e.Life.Enter() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	defer e.Life.Leave()
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
		unknownPath(w)
	}
}

// unknownPath answers a request for what this node does not serve. The code is
// not that of a member which this node does not know (404): a dialler may hope
// for a change of the membership, and for a path only for another build.
func unknownPath(w http.ResponseWriter) {
	http.Error(w, "invalid path", http.StatusNotImplemented)
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
		known := e.Roster.Knows(from)
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
	m, removed := e.Roster.Removed(from)
	if removed {
		markRemoved(w.Header(), m)
		http.Error(w, greetings.ErrRemoved.Error(), http.StatusGone)
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
		unknownPath(w)
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
func (e *endpoint) dialler(w http.ResponseWriter, r *http.Request, from uint64) (*peer, greetings.Meeting) {
	if !e.vouched(w, r, from) || e.refuseRemoved(w, from) {
		return nil, greetings.Meeting{}
	}
	p := e.Roster.Named()[from]
	if p == nil || p.remote {
		if e.Hears(from) {
			e.learn(r, from)
		}
		http.Error(w, errUnknownSender.Error(), http.StatusNotFound)
		return nil, greetings.Meeting{}
	}
	if r.Header.Get(headerTo) != formatID(e.self.node) {
		http.Error(w, errToMismatch.Error(), http.StatusPreconditionFailed)
		return nil, greetings.Meeting{}
	}
	met, ok := e.meet(w, r, from)
	if !ok {
		return nil, greetings.Meeting{}
	}
	return p, met
}

// runStream answers and then sends until the connection, the peer or the
// endpoint ends. of is nil but for the older form of the msgapp stream.
func (e *endpoint) runStream(w http.ResponseWriter, p *peer, kind streamKind, met greetings.Meeting, of *entriesTerm) {
	living := p.Living()
	if !e.Book.Stands(p.id, met.Peer, met.Said) {
		http.Error(w, errRenewed.Error(), http.StatusServiceUnavailable)
		return
	}
	out, answered, err := takeOver(w, e.timing.Link)
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
		e.Logger.Debug("stream to peer ended", "peer", formatID(p.id), "stream", kind.path(), "error", err)
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
