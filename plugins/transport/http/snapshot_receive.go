package httptransport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/arrivals"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/seal"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// serveSnapshot takes one snapshot and answers with the host's verdict.
func (e *endpoint) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	if !e.admit(w, r, http.MethodPost) {
		return
	}
	from, ok := e.sender(w, r)
	if !ok || e.refuseRemoved(w, from) {
		return
	}
	if _, ok := e.meet(w, r, from); !ok {
		return
	}
	e.learn(r, from)
	e.receiveSnapshot(w, r, from)
}

func (e *endpoint) receiveSnapshot(w http.ResponseWriter, r *http.Request, from uint64) {
	body, ok := e.arriving(w, r)
	if !ok {
		return
	}
	header, code, err := e.snapshotHeader(body, r, from)
	if err != nil {
		e.refuse(w, body, code, err)
		return
	}
	place, err := e.Arrivals.Enter(from, e.Roster.Knows(from), body.stop)
	if err != nil {
		e.refuse(w, body, http.StatusServiceUnavailable, err)
		return
	}
	defer place.Leave()
	body.check = seal.NewCheck(body.size)
	if err := e.Handler.ReceiveSnapshot(r.Context(), header, place.Reader(body)); err != nil {
		code := http.StatusUnprocessableEntity
		if place.Lost() {
			code, err = http.StatusServiceUnavailable, arrivals.ErrGaveWay
		} else if e.Life.Context().Err() != nil || errors.Is(err, plugins.ErrClosed) {
			code = http.StatusServiceUnavailable // no verdict on the snapshot
		}
		e.refuse(w, body, code, err)
		return
	}
	if err := seal.Finish(body); err != nil {
		e.refuse(w, body, http.StatusBadRequest, err)
		return
	}
	e.Complaints.Succeeded(from, snapshotRefused)
	w.WriteHeader(http.StatusNoContent)
}

// snapshotRefused is what the log says of a snapshot that was not taken.
const snapshotRefused = "snapshot refused"

// snapshotHeader reads the frame that precedes the snapshot.
func (e *endpoint) snapshotHeader(body *receivedBody, r *http.Request, from uint64) (transport.SnapshotHeader, int, error) {
	// The buffer is no larger than the length: it must not eat the rest.
	length := bufio.NewReaderSize(io.LimitReader(body.frame(), 8), 16)
	n, err := readLength(length, e.MaxMessage)
	if err != nil {
		return transport.SnapshotHeader{}, http.StatusBadRequest, fmt.Errorf("read snapshot message: %w", err)
	}
	release, err := e.takeFrom(from, int64(n))
	if err != nil {
		return transport.SnapshotHeader{}, http.StatusServiceUnavailable, err
	}
	defer release()
	message, err := wire.ReadBytes(body.frame(), nil, n)
	if err != nil {
		return transport.SnapshotHeader{}, http.StatusBadRequest, fmt.Errorf("read snapshot message: %w", err)
	}
	s, err := raftmsg.Scan(message)
	if err != nil {
		return transport.SnapshotHeader{}, http.StatusBadRequest, fmt.Errorf("read snapshot message: %w", err)
	}
	if s.Kind != raftmsg.TypeSnap {
		return transport.SnapshotHeader{}, http.StatusBadRequest, errors.New("wrong raft message type")
	}
	if s.To != e.self.node {
		return transport.SnapshotHeader{}, http.StatusPreconditionFailed, errToMismatch
	}
	if s.From != from {
		return transport.SnapshotHeader{}, http.StatusBadRequest, raftmsg.ErrUnexpectedPeer
	}
	if err := body.expect(r, 8+uint64(n)); err != nil {
		return transport.SnapshotHeader{}, http.StatusBadRequest, err
	}
	return transport.SnapshotHeader{
		Group: e.Group, To: e.self.node, From: from, Message: message, Bytes: body.size,
	}, 0, nil
}

// refuse answers and then reads on for a while: a sender that is still
// writing would otherwise see a broken connection instead of the answer.
func (e *endpoint) refuse(w http.ResponseWriter, body *receivedBody, code int, reason error) {
	from, _ := parseID(body.request.Header.Get(headerFrom)) // was checked
	e.Complaints.Failed(from, snapshotRefused, reason)
	w.Header().Set("Connection", "close")
	http.Error(w, reason.Error(), code)
	if body.control.Flush() != nil || body.control.SetReadDeadline(time.Now().Add(e.timing.Link)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, body.request.Body)
}

// receivedBody is the snapshot as the host reads it. It ends with io.EOF only
// if size and checksum are right, as far as the sender announced them.
type receivedBody struct {
	request *http.Request
	in      *pace.Reader // the body, of which each step has its time
	control *http.ResponseController
	stopped atomic.Bool
	size    uint64      // announced; 0 if not
	summed  bool        // a checksum is announced
	check   *seal.Check // of a whole snapshot
	end     error       // how the body ended
}

// arriving begins to read the body of a request, which is refused if the verdict could
// not come before the body has ended.
func (e *endpoint) arriving(w http.ResponseWriter, r *http.Request) (*receivedBody, bool) {
	b := &receivedBody{request: r, control: http.NewResponseController(w)}
	if err := b.control.EnableFullDuplex(); err != nil {
		http.Error(w, "full duplex is needed", http.StatusInternalServerError)
		return nil, false
	}
	b.in = pace.NewReader(readerFunc(b.source), b.control.SetReadDeadline, e.timing.Link)
	return b, true
}

// source reads the body itself. The order matters: a stop that comes after the
// check sets a deadline of its own after that of the reader.
func (b *receivedBody) source(p []byte) (int, error) {
	if b.stopped.Load() {
		return 0, errOver
	}
	return b.request.Body.Read(p)
}

// stop makes a read that is under way fail, and all later ones.
func (b *receivedBody) stop() {
	b.stopped.Store(true)
	_ = b.control.SetReadDeadline(time.Unix(1, 0))
}

// frame reads what precedes the snapshot.
func (b *receivedBody) frame() io.Reader { return readerFunc(b.read) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// expect notes what the sender has announced.
func (b *receivedBody) expect(r *http.Request, frame uint64) error {
	_, b.summed = r.Trailer[headerSnapshotSHA256]
	if announced := r.Header.Get(headerSnapshotSize); announced != "" {
		size, err := strconv.ParseUint(announced, 10, 63)
		if err != nil {
			return fmt.Errorf("snapshot size: %w", err)
		}
		b.size = size
	} else if r.ContentLength >= 0 && uint64(r.ContentLength) > frame {
		b.size = uint64(r.ContentLength) - frame
	}
	return nil
}

// read has a deadline, which ends with the body: net/http goes on reading then,
// to notice a sender that has gone.
func (b *receivedBody) read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *receivedBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.read(p)
	if damage := b.check.Took(p[:n]); damage != nil {
		err = damage
	} else if errors.Is(err, io.EOF) {
		err = b.verify()
	}
	b.end = err
	return n, err
}

// verify is called at the end of the body and returns io.EOF if all is well.
func (b *receivedBody) verify() error {
	if b.summed {
		return b.check.EndWith(b.request.Trailer.Get(headerSnapshotSHA256))
	}
	return b.check.End()
}
