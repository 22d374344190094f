package httptransport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
)

// maxTransfers bounds the transfers that are known: those under way, which
// max_snapshots bounds, and those whose verdict may be asked for again.
const maxTransfers = 64

// serveTransfer takes a part of a snapshot (POST), says how far the snapshot
// has come (GET), or forgets it (DELETE).
func (e *endpoint) serveTransfer(w http.ResponseWriter, r *http.Request) {
	method := http.MethodPost
	if r.Method == http.MethodGet || r.Method == http.MethodDelete {
		method = r.Method
	}
	if !e.admit(w, r, method) {
		return
	}
	from, ok := e.sender(w, r)
	if !ok {
		return
	}
	number, err := parseID(path.Base(r.URL.Path))
	if err != nil {
		http.Error(w, "invalid transfer", http.StatusBadRequest)
		return
	}
	if e.refuseRemoved(w, from) {
		return
	}
	if r.Header.Get(headerTo) != formatID(e.self.node) {
		http.Error(w, errToMismatch.Error(), http.StatusPreconditionFailed)
		return
	}
	if _, ok := e.meet(w, r, from); !ok {
		return
	}
	e.learn(r, from)
	key := transferKey{from, number}
	switch r.Method {
	case http.MethodGet:
		e.serveProgress(w, r, key)
	case http.MethodDelete:
		if t := e.findTransfer(key); t != nil {
			t.fail(errAbandoned)
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		e.servePart(w, r, key)
	}
}

func (e *endpoint) serveProgress(w http.ResponseWriter, r *http.Request, key transferKey) {
	a := standing{code: http.StatusOK}
	if t := e.findTransfer(key); t != nil {
		a = t.settle(r.Context(), e.timing.poll())
	}
	a.write(w)
}

// write answers with nothing but a reason.
func (a standing) write(w http.ResponseWriter) {
	w.Header().Set(headerSnapshotOffset, strconv.FormatUint(a.offset, 10))
	if a.code >= http.StatusBadRequest {
		http.Error(w, a.reason.Error(), a.code)
		return
	}
	w.WriteHeader(a.code)
}

// servePart lets the host read one part and then says how far it has come.
func (e *endpoint) servePart(w http.ResponseWriter, r *http.Request, key transferKey) {
	body, ok := e.arriving(w, r)
	if !ok {
		return
	}
	offset, err := strconv.ParseUint(r.Header.Get(headerSnapshotOffset), 10, 63)
	if err != nil {
		e.refuse(w, body, http.StatusBadRequest, fmt.Errorf("offset: %w", err))
		return
	}
	header, code, err := e.snapshotHeader(body, r, key.from)
	if err != nil {
		e.refuse(w, body, code, err)
		return
	}
	if r.Header.Get(headerSnapshotSize) == "" {
		header.Bytes = 0 // a part's own length says nothing of the snapshot's
	}
	p := &part{body: body, offset: offset, done: make(chan struct{})}
	a := e.takePart(r, key, header, p)
	w.Header().Set(headerSnapshotOffset, strconv.FormatUint(a.offset, 10))
	if a.code >= http.StatusBadRequest {
		e.refuse(w, body, a.code, a.reason)
		return
	}
	if !p.whole {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(a.code)
}

// takePart waits until the part has been read or given up.
func (e *endpoint) takePart(r *http.Request, key transferKey, header transport.SnapshotHeader, p *part) standing {
	t, refusal := e.openTransfer(key, header, p.offset)
	if refusal == nil {
		refusal = t.attach(r.Context(), p)
	}
	if refusal != nil {
		return *refusal
	}
	<-p.done
	return t.state()
}

func (e *endpoint) findTransfer(key transferKey) *transfer {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.transfers[key]
}

// openTransfer returns the transfer, and begins it with its first part.
func (e *endpoint) openTransfer(key transferKey, header transport.SnapshotHeader, offset uint64) (*transfer, *standing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.transfers[key]; t != nil {
		return t, nil
	}
	if offset != 0 {
		return nil, &standing{code: http.StatusConflict, reason: errors.New("unknown transfer")}
	}
	tooMany := &standing{code: http.StatusServiceUnavailable, reason: arrivals.ErrTooMany}
	if e.Life.Context().Err() != nil || !e.roomForTransfer() {
		return nil, tooMany
	}
	t := newTransfer(e.Life.Context(), key, header.Bytes, e.timing.Link)
	place, err := e.Arrivals.Enter(key.from, e.Roster.Knows(key.from), func() { t.fail(arrivals.ErrGaveWay) })
	if err != nil {
		t.cancel()
		return nil, tooMany
	}
	e.transfers[key] = t
	e.Life.Fork(func() { e.runTransfer(t, header, place) })
	return t, nil
}

// roomForTransfer forgets one that is over if it must. It needs e.mu.
func (e *endpoint) roomForTransfer() bool {
	if len(e.transfers) < maxTransfers {
		return true
	}
	for key, t := range e.transfers {
		if t.state().code != http.StatusOK && t.state().code != http.StatusAccepted {
			delete(e.transfers, key)
			return true
		}
	}
	return false
}

// runTransfer gives the snapshot to the host, and keeps the verdict for a
// sender whose connection breaks when it is told.
func (e *endpoint) runTransfer(t *transfer, header transport.SnapshotHeader, place *arrivals.Place) {
	defer t.cancel()
	err := e.Handler.ReceiveSnapshot(t.ctx, header, place.Reader(t))
	if err == nil {
		err = seal.Finish(t)
	}
	t.decide(e.verdict(t, err))
	place.Leave()
	pause.For(e.Life.Context(), 2*e.timing.Link)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.transfers[t.key] == t {
		delete(e.transfers, t.key)
	}
}

// verdict says what the host's result means to the sender.
func (e *endpoint) verdict(t *transfer, err error) standing {
	if err == nil {
		e.Complaints.Succeeded(t.key.from, snapshotRefused)
		return standing{code: http.StatusNoContent}
	}
	e.Complaints.Failed(t.key.from, snapshotRefused, err)
	a := standing{code: http.StatusUnprocessableEntity, reason: err}
	end := t.ending()
	switch {
	case e.Life.Context().Err() != nil || errors.Is(err, plugins.ErrClosed):
		a.code = http.StatusServiceUnavailable // no verdict on the snapshot
	case end != nil && !errors.Is(end, io.EOF) && !errors.Is(end, seal.ErrDamaged):
		a.code = http.StatusRequestTimeout
	}
	return a
}

// resume is how long a sender tries to go on after a break without any
// progress. The receiver waits a little longer.
func (t timing) resume() time.Duration { return 4 * t.Link / 5 }

// poll is how long a question waits for a verdict.
func (t timing) poll() time.Duration { return t.Link / 5 }
