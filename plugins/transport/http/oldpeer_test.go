package httptransport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// oldPeer is a member that speaks the protocol of etcd 2.0 and nothing later:
// no versions, no names of senders, one kind of stream. It has its own idea of
// the frames, and shares none of the code that it tests.
type oldPeer struct {
	url     string
	streams chan *oldStream       // dialled by others
	posts   chan pluginv1.Message // of the pipeline
}

// An oldStream is the sending end of a stream.
type oldStream struct {
	term   string
	closed <-chan struct{} // when the other end is gone
	end    chan struct{}   // close it to end the stream

	// mu is held while w is used: the handler must not return meanwhile, since net/http
	// uses the buffers of w after that.
	mu sync.Mutex
	w  http.ResponseWriter // nil once the handler returns
}

func startOldPeer(t *testing.T) *oldPeer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &oldPeer{
		url:     "http://" + listener.Addr().String(),
		streams: make(chan *oldStream, 100), posts: make(chan pluginv1.Message, 100),
	}
	peer := &http.Server{Handler: p}
	served := make(chan error, 1)
	go func() { served <- peer.Serve(listener) }()
	t.Cleanup(func() {
		_ = peer.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return p
}

func (p *oldPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, stream := strings.CutPrefix(r.URL.Path, "/raft/stream/")
	_, err := strconv.ParseUint(name, 16, 64)
	switch {
	case r.URL.Path == "/raft" && r.Method == "POST":
		p.take(w, r)
	case !stream:
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, "invalid path", http.StatusNotFound)
	case r.Header.Get("X-Etcd-Cluster-ID") != "abc":
		http.Error(w, "clusterID mismatch", http.StatusPreconditionFailed)
	case r.Header.Get("X-Raft-To") != "2":
		http.Error(w, "to field mismatch", http.StatusPreconditionFailed)
	default:
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		s := &oldStream{term: r.Header.Get("X-Raft-Term"), closed: r.Context().Done(), end: make(chan struct{}), w: w}
		defer s.over()
		p.streams <- s
		select {
		case <-s.closed:
		case <-s.end:
		}
	}
}

func (p *oldPeer) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m pluginv1.Message
	if err != nil || m.Unmarshal(body) != nil {
		http.Error(w, "error unmarshalling raft message", http.StatusBadRequest)
		return
	}
	p.posts <- m
	w.WriteHeader(http.StatusNoContent)
}

// over waits for a write that is under way; there is none afterwards.
func (s *oldStream) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = nil
}

// write sends one frame with entries of a term; with none, it is a heartbeat.
func (s *oldStream) write(t *testing.T, term uint64, indexes ...uint64) {
	t.Helper()
	out := binary.BigEndian.AppendUint64(nil, uint64(len(indexes)))
	for _, index := range indexes {
		entry := encode2(t, &pluginv1.Entry{Term: term, Index: index, Data: fmt.Append(nil, index)})
		out = binary.BigEndian.AppendUint64(out, uint64(len(entry)))
		out = append(out, entry...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		t.Fatalf("the stream of term %s is over", s.term)
	}
	if _, err := s.w.Write(out); err != nil {
		t.Fatal(err)
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		t.Fatal(err)
	}
}

// readOldFrame reads a frame as the old peer does.
func readOldFrame(r io.Reader) (entries []pluginv1.Entry, err error) {
	var n [8]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	for range binary.BigEndian.Uint64(n[:]) {
		if _, err := io.ReadFull(r, n[:]); err != nil {
			return nil, err
		}
		b := make([]byte, binary.BigEndian.Uint64(n[:]))
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		var e pluginv1.Entry
		if err := e.Unmarshal(b); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// oldRequest has the headers of a peer of 2.0, and no others.
func oldRequest(term string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header = http.Header{
			"X-Etcd-Cluster-Id": {"abc"}, "X-Raft-To": {"1"}, "X-Raft-Term": {term},
		}
	}
}

// inbox is a handler that passes messages on.
type inbox struct {
	sink
	messages chan pluginv1.Message
}

func newInbox() *inbox { return &inbox{messages: make(chan pluginv1.Message, 100)} }

func (b *inbox) Deliver(envelopes []transport.Envelope) {
	for _, e := range envelopes {
		var m pluginv1.Message
		if err := m.Unmarshal(e.Payload); err != nil {
			panic(err)
		}
		b.messages <- m
	}
}

func sendMessage(t *testing.T, tr *opened, m pluginv1.Message) {
	t.Helper()
	m.From, m.To = 1, 2
	e := transport.Envelope{Group: 1, From: 1, To: 2, Class: class(uint64(m.Type)), Payload: encode(t, m)}
	if err := tr.Send(context.Background(), []transport.Envelope{e}); err != nil {
		t.Fatal(err)
	}
}
