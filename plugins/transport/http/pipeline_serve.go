package httptransport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

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
	e.Handler.Deliver([]transport.Envelope{e.envelope(from, payload, &s)})
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
	body := pace.NewReader(r.Body, control.SetReadDeadline, e.timing.Link)
	payload, err := readBody(body, r.ContentLength, e.MaxMessage)
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

// takeFrom counts a message of a sender, which is a peer or not.
func (e *endpoint) takeFrom(sender uint64, length int64) (release func(), err error) {
	if p := e.Roster.Named()[sender]; p == nil || p.remote {
		sender = 0
	}
	return e.intake.Take(sender, length)
}
