package etcd36

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
)

// oldEnd is a node that speaks the protocol of etcd 2.0: it dials GET
// /raft/stream/<id> for each term in which it accepts appends, serves the
// same, and posts everything else, without versions and without its name.
type oldEnd struct {
	id      uint64
	address string
	others  map[uint64]string // addresses
	deliver func(raftpb.Message)
	lost    func(id uint64)
	server  *http.Server
	client  *http.Transport
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	slots   chan struct{} // a token for each post

	mu      sync.Mutex
	dialled map[uint64]uint64     // the term of the stream from each node
	streams map[uint64]*oldStream // to each node

	carried, posted int // messages; need mu
}

type oldStream struct {
	term    uint64
	entries chan []raftpb.Entry
}

func startOld(t *testing.T, id uint64, listen string, others map[uint64]string, deliver func(raftpb.Message), lost func(uint64)) *oldEnd {
	t.Helper()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	o := &oldEnd{
		id: id, address: listener.Addr().String(), others: others, deliver: deliver, lost: lost,
		client: &http.Transport{}, slots: make(chan struct{}, 64),
		dialled: map[uint64]uint64{}, streams: map[uint64]*oldStream{},
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	o.server = &http.Server{Handler: o}
	o.running.Go(func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return o
}

func (o *oldEnd) stop() {
	o.cancel()
	_ = o.server.Close()
	o.running.Wait()
	o.client.CloseIdleConnections()
}

func (o *oldEnd) counts() (carried, posted int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.carried, o.posted
}

// send is the node's way out.
func (o *oldEnd) send(messages ...raftpb.Message) {
	for _, m := range messages {
		if m.Type == raftpb.MsgAppResp && !m.Reject {
			o.dial(m.To, m.Term)
		}
		if !o.stream(m) {
			o.post(m)
		}
	}
}

// stream reports whether a stream took the message.
func (o *oldEnd) stream(m raftpb.Message) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.streams[m.To]
	if s == nil || m.Type != raftpb.MsgApp || m.Index == 0 || m.Term != m.LogTerm || m.Term != s.term {
		return false
	}
	select {
	case s.entries <- m.Entries:
		return true
	default:
		return false
	}
}

func (o *oldEnd) post(m raftpb.Message) {
	select {
	case o.slots <- struct{}{}:
	default:
		o.lost(m.To)
		return
	}
	body := encode(m)
	o.running.Go(func() {
		defer func() { <-o.slots }()
		request, err := http.NewRequestWithContext(o.ctx, http.MethodPost, "http://"+o.others[m.To]+"/raft", bytes.NewReader(body))
		if err != nil {
			panic(err)
		}
		request.Header.Set("Content-Type", "application/protobuf")
		request.Header.Set("X-Etcd-Cluster-ID", strconv.FormatUint(cluster, 16))
		response, err := o.client.RoundTrip(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		if err != nil || response.StatusCode != http.StatusNoContent {
			o.lost(m.To)
		}
	})
}

// dial asks for the stream of a term, if it has not been asked for.
func (o *oldEnd) dial(to, term uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dialled[to] >= term {
		return
	}
	o.dialled[to] = term
	o.running.Go(func() {
		_ = o.receive(to, term)
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.dialled[to] == term {
			delete(o.dialled, to)
		}
	})
}

func (o *oldEnd) receive(from, term uint64) error {
	url := "http://" + o.others[from] + "/raft/stream/" + strconv.FormatUint(o.id, 16)
	request, err := http.NewRequestWithContext(o.ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("X-Etcd-Cluster-ID", strconv.FormatUint(cluster, 16))
	request.Header.Set("X-Raft-To", strconv.FormatUint(from, 16))
	request.Header.Set("X-Raft-Term", strconv.FormatUint(term, 10))
	response, err := o.client.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	for {
		entries, err := readOldFrame(response.Body)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			o.mu.Lock()
			o.carried++
			o.mu.Unlock()
			o.deliver(raftpb.Message{
				Type: raftpb.MsgApp, From: from, To: o.id, Term: term, LogTerm: term,
				Index: entries[0].Index - 1, Entries: entries,
			})
		}
	}
}

func readOldFrame(r io.Reader) (entries []raftpb.Entry, err error) {
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
		var e raftpb.Entry
		if err := e.Unmarshal(b); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func writeOldFrame(w io.Writer, entries []raftpb.Entry) error {
	out := binary.BigEndian.AppendUint64(nil, uint64(len(entries)))
	for i := range entries {
		b, err := entries[i].Marshal()
		if err != nil {
			return err
		}
		out = append(binary.BigEndian.AppendUint64(out, uint64(len(b))), b...)
	}
	_, err := w.Write(out)
	return err
}

// ServeHTTP serves the two paths of etcd 2.0.
func (o *oldEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, stream := strings.CutPrefix(r.URL.Path, "/raft/stream/")
	from, err := strconv.ParseUint(name, 16, 64)
	switch {
	case r.URL.Path == "/raft":
		o.take(w, r)
	case !stream:
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, "invalid path", http.StatusNotFound)
	default:
		o.serveStream(w, r, from)
	}
}

func (o *oldEnd) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m raftpb.Message
	if err != nil || m.Unmarshal(body) != nil {
		http.Error(w, "error unmarshalling raft message", http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	o.posted++
	o.mu.Unlock()
	o.deliver(m)
	w.WriteHeader(http.StatusNoContent)
}

func (o *oldEnd) serveStream(w http.ResponseWriter, r *http.Request, from uint64) {
	term, err := strconv.ParseUint(r.Header.Get("X-Raft-Term"), 10, 64)
	if err != nil {
		http.Error(w, "invalid term field", http.StatusBadRequest)
		return
	}
	s := &oldStream{term, make(chan []raftpb.Entry, 4096)}
	o.mu.Lock()
	o.streams[from] = s
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.streams[from] == s {
			delete(o.streams, from)
		}
	}()
	control := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = control.Flush()
	for {
		select {
		case entries := <-s.entries:
			if writeOldFrame(w, entries) != nil || control.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-o.ctx.Done():
			return
		}
	}
}
