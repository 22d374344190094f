package httptransport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/membercert"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// heard counts what gets past a transport to its host.
type heard struct {
	messages, snapshots atomic.Int64
}

func (h *heard) Deliver(envelopes []transport.Envelope) { h.messages.Add(int64(len(envelopes))) }

func (h *heard) Notify([]transport.Event) {}

func (h *heard) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
	h.snapshots.Add(1)
	_, err := io.Copy(io.Discard, r)
	return err
}

func (h *heard) nothing(t *testing.T) {
	t.Helper()
	if m, s := h.messages.Load(), h.snapshots.Load(); m != 0 || s != 0 {
		t.Errorf("%d messages and %d snapshots got to the host", m, s)
	}
}

func named(member uint64) membercert.Name {
	return membercert.Name{Cluster: testCluster, Member: member}
}

// secured opens node 1 with TLS, which knows peer 2, remote peer 3 and that 4
// was removed.
func secured(t *testing.T, f *peertlstest.Forge, peer ...string) (*opened, string, *heard) {
	t.Helper()
	h := &heard{}
	tr := New(backend.Env{}).(*opened)
	tr.Timing = quick
	address, err := tr.Open(context.Background(), testOptions(1, f.Config(t, named(1))), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close(context.Background()) })
	err = tr.SetPeers(context.Background(), transport.PeerSet{
		Peers:   []transport.Peer{{Id: 2, Urls: peer}, {Id: 3, Remote: true}},
		Removed: []transport.RemovedMember{{Id: 4, Index: 17, Term: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr, "https://" + address, h
}

// showing is the TLS of a caller with that certificate.
func showing(c tls.Certificate) *tls.Config {
	config := &tls.Config{InsecureSkipVerify: true}
	if c.Certificate != nil {
		config.Certificates = []tls.Certificate{c}
	}
	return config
}

// post is a request as member from makes it, and its answer: 0 if there is none.
func post(t *testing.T, config *tls.Config, method, url string, from uint64, body []byte, change func(*http.Request)) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	identity{node: from, cluster: testCluster}.mark(request.Header, 1)
	if change != nil {
		change(request)
	}
	client := &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}
	defer client.CloseIdleConnections()
	response, err := client.RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK { // a stream
		return response.StatusCode, ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

// refused is how often callers and peers were refused for a reason.
func refused(tr *opened, reason string) uint64 {
	return endpointOf(tr).Trust.Refusals.Count(reason)
}

func snapFrame(t *testing.T, m pluginv1.Message) []byte {
	message := encode(t, m)
	return append(append(binary.BigEndian.AppendUint64(nil, uint64(len(message))), message...), "the snapshot"...)
}

// The identity matrix, first part: callers with a good certificate that say
// what they must not.
func TestIdentityOfRequests(t *testing.T) {
	f := peertlstest.New(t)
	_, url, h := secured(t, f)
	as := map[uint64]*tls.Config{}
	for id := uint64(2); id <= 5; id++ {
		as[id] = showing(f.Certificate(t, named(id), nil))
	}
	good := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 2, To: 1, Term: 1})
	snap := pluginv1.Message{Type: raftmsg.TypeSnap, From: 2, To: 1, Term: 1}
	const stream, pipeline, snapshot = "/raft/stream/message/", "/raft", "/raft/snapshot"
	part, first := pathSnapshot+"/7", header(headerSnapshotOffset, "0")
	for _, c := range []struct {
		name         string
		member       uint64 // of the certificate
		from         uint64 // of the header
		method, path string
		body         []byte
		change       func(*http.Request)
		code         int
	}{
		{"wrong cluster, pipeline", 2, 2, "POST", pipeline, good, header(headerCluster, "1"), 412},
		{"wrong cluster, stream", 2, 2, "GET", stream + "2", nil, header(headerCluster, "1"), 412},
		{"wrong cluster, snapshot", 2, 2, "POST", snapshot, snapFrame(t, snap), header(headerCluster, "1"), 412},
		{"wrong to, stream", 2, 2, "GET", stream + "2", nil, header(headerTo, "9"), 412},
		{"wrong to, message", 2, 2, "POST", pipeline, encode(t, pluginv1.Message{Type: 8, From: 2, To: 9, Term: 1}), nil, 412},
		{"wrong to, snapshot", 2, 2, "POST", snapshot, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 2, To: 9}), nil, 412},
		{"another's header, pipeline", 3, 2, "POST", pipeline, good, nil, 403},
		{"another's header, snapshot", 3, 2, "POST", snapshot, snapFrame(t, snap), nil, 403},
		{"another's path, stream", 3, 3, "GET", stream + "2", nil, nil, 403},
		{"an unknown member's header", 5, 2, "POST", pipeline, good, nil, 403},
		{"a removed member as another", 4, 2, "POST", pipeline, good, nil, 403},
		{"a removed member, pipeline", 4, 4, "POST", pipeline, encode(t, pluginv1.Message{Type: 8, From: 4, To: 1, Term: 1}), nil, 410},
		{"a removed member, stream", 4, 4, "GET", stream + "4", nil, nil, 410},
		{"a removed member, snapshot", 4, 4, "POST", snapshot, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 4, To: 1}), nil, 410},
		{"wrong cluster, part of a snapshot", 2, 2, "POST", part, snapFrame(t, snap), header(headerCluster, "1"), 412},
		{"wrong to, part of a snapshot", 2, 2, "POST", part, snapFrame(t, snap), header(headerTo, "9"), 412},
		{"another's header, part of a snapshot", 3, 2, "POST", part, snapFrame(t, snap), first, 403},
		{"another's header, question for a snapshot", 3, 2, "GET", part, nil, nil, 403},
		{"another's header, end of a snapshot", 3, 2, "DELETE", part, nil, nil, 403},
		{"a removed member, part of a snapshot", 4, 4, "POST", part, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 4, To: 1}), first, 410},
		{"from this node, part of a snapshot", 2, 1, "POST", part, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 1, To: 1}), first, 400},
		{"another's message in a part", 2, 2, "POST", part, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 3, To: 1}), first, 400},
		{"another's message", 2, 2, "POST", pipeline, encode(t, pluginv1.Message{Type: 8, From: 3, To: 1, Term: 1}), nil, 400},
		{"another's message in a snapshot", 2, 2, "POST", snapshot, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 3, To: 1}), nil, 400},
		{"from nobody", 2, 0, "POST", pipeline, encode(t, pluginv1.Message{Type: 8, To: 1, Term: 1}), nil, 400},
		{"from this node", 2, 1, "POST", pipeline, encode(t, pluginv1.Message{Type: 8, From: 1, To: 1, Term: 1}), nil, 400},
		{"from this node, snapshot", 2, 1, "POST", snapshot, snapFrame(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 1, To: 1}), nil, 400},
		{"stream of nobody", 2, 0, "GET", stream + "0", nil, nil, 403},
		{"stream of this node", 2, 1, "GET", stream + "1", nil, nil, 403},
		{"no sender", 2, 2, "POST", pipeline, good, header(headerFrom, ""), 400},
		{"snapshot on the pipeline", 2, 2, "POST", pipeline, encode(t, snap), nil, 400},
		{"heartbeat as a snapshot", 2, 2, "POST", snapshot, append(binary.BigEndian.AppendUint64(nil, uint64(len(good))), good...), nil, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, text := post(t, as[c.member], c.method, url+c.path, c.from, c.body, c.change)
			if code != c.code {
				t.Errorf("got %d %q, want %d", code, text, c.code)
			}
			h.nothing(t)
		})
	}
	// raft's messages to itself, and types that there are none of.
	for _, kind := range []uint64{0, 1, 10, 11, 12, 19, 20, 21, 22, 23, 1 << 40} {
		t.Run(fmt.Sprintf("local message type %d", kind), func(t *testing.T) {
			body := binary.AppendUvarint([]byte{raftmsg.FieldType << 3}, kind)
			body = append(body, raftmsg.FieldTo<<3, 1, raftmsg.FieldFrom<<3, 2, raftmsg.FieldTerm<<3, 1)
			if code, text := post(t, as[2], "POST", url+pipeline, 2, body, nil); code != 400 {
				t.Errorf("got %d %q, want 400", code, text)
			}
			h.nothing(t)
		})
	}
	// The same requests, when all is well, get through.
	if code, text := post(t, as[2], "POST", url+pipeline, 2, good, nil); code != 204 {
		t.Errorf("a good message: %d %q", code, text)
	}
	if code, text := post(t, as[2], "POST", url+snapshot, 2, snapFrame(t, snap), nil); code != 204 {
		t.Errorf("a good snapshot: %d %q", code, text)
	}
	if code, text := post(t, as[2], "GET", url+stream+"2", 2, nil, nil); code != 200 {
		t.Errorf("a good stream: %d %q", code, text)
	}
	if m, s := h.messages.Load(), h.snapshots.Load(); m != 1 || s != 1 {
		t.Errorf("%d messages and %d snapshots got to the host, want one each", m, s)
	}
}

// The matrix, second part: callers without a certificate that is good enough.
// They do not get as far as a request, on any path.
func TestIdentityOfCallers(t *testing.T) {
	f := peertlstest.New(t)
	tr, url, h := secured(t, f)
	type caller struct {
		name   string
		config *tls.Config
		reason string
	}
	var callers []caller
	for _, s := range f.Strangers(t, named(2)) {
		callers = append(callers, caller{s.Name, showing(s.Certificate), s.Reason})
	}
	old := showing(f.Certificate(t, named(2), nil))
	old.MaxVersion = tls.VersionTLS12
	serverOnly := f.Certificate(t, named(2), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	callers = append(callers,
		caller{"this node's own certificate", showing(f.Certificate(t, named(1), nil)), "own_name"},
		caller{"TLS 1.2", old, "old_tls"},
		caller{"a server's certificate", showing(serverOnly), "wrong_usage"},
	)
	good := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 2, To: 1, Term: 1})
	for _, c := range callers {
		t.Run(c.name, func(t *testing.T) {
			before := refused(tr, c.reason)
			for _, request := range [][2]string{{"POST", "/raft"}, {"POST", "/raft/snapshot"}, {"GET", "/raft/stream/msgapp/2"}, {"GET", "/raft/probing"}} {
				if code, text := post(t, c.config, request[0], url+request[1], 2, good, nil); code != 0 {
					t.Errorf("%s: got %d %q, want no answer", request[1], code, text)
				}
			}
			eventually(t, "four refusals are counted as "+c.reason, func() bool { return refused(tr, c.reason) == before+4 })
			h.nothing(t)
		})
	}
	t.Run("plain HTTP", func(t *testing.T) {
		code, text := post(t, nil, "POST", strings.Replace(url, "https:", "http:", 1)+"/raft", 2, good, nil)
		if code != 400 || !strings.Contains(text, "this node uses TLS") {
			t.Errorf("got %d %q", code, text)
		}
		eventually(t, "it is counted", func() bool { return refused(tr, "not_tls") == 1 })
		h.nothing(t)
	})
	t.Run("silence", func(t *testing.T) {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection without a handshake got an answer")
		}
		eventually(t, "it is counted", func() bool { return refused(tr, "timeout") == 1 })
	})
}

// The matrix, third part: a node that answers at a peer's address must be that
// peer, and must not send messages of another. Nothing is read from it
// otherwise.
func TestIdentityOfAnswerers(t *testing.T) {
	f := peertlstest.New(t)
	var streams atomic.Int64 // that an impostor has served
	impostor := func(t *testing.T, config *tls.Config, stream []byte) string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/raft/stream/message/") {
				streams.Add(1)
			}
			w.Header().Set(headerVersion, protocolVersion)
			w.Header().Set(headerCluster, formatID(testCluster))
			_, _ = w.Write(stream)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}))
		s.TLS, s.Config.ErrorLog = config, log.New(io.Discard, "", 0)
		if config == nil {
			s.Start()
		} else {
			s.StartTLS()
		}
		t.Cleanup(s.Close)
		return strings.Replace(s.URL, "http:", "https:", 1)
	}
	good := frame(t, messageEncoder{}, encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 2, To: 1, Term: 1}))
	serving := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	t.Run("the peer itself is heard", func(t *testing.T) {
		_, _, h := secured(t, f, impostor(t, serving(f.Certificate(t, named(2), nil)), good))
		eventually(t, "its message arrives", func() bool { return h.messages.Load() > 0 })
	})
	for _, s := range f.Strangers(t, named(2)) {
		if s.Certificate.Certificate == nil {
			continue // a server must have one
		}
		t.Run(s.Name, func(t *testing.T) {
			tr, _, h := secured(t, f, impostor(t, serving(s.Certificate), good))
			eventually(t, "the answerer is refused", func() bool { return refused(tr, s.Reason) >= 3 })
			h.nothing(t)
		})
	}
	old := serving(f.Certificate(t, named(2), nil))
	old.MaxVersion = tls.VersionTLS12
	for _, c := range []struct {
		name, reason string
		config       *tls.Config
	}{
		{"another member", "other_member", serving(f.Certificate(t, named(3), nil))},
		{"TLS 1.2", "old_tls", old},
		{"plain HTTP", "not_tls", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, _, h := secured(t, f, impostor(t, c.config, good))
			eventually(t, "the answerer is refused", func() bool { return refused(tr, c.reason) >= 3 })
			h.nothing(t)
		})
	}
	for name, m := range map[string]pluginv1.Message{
		"another's message":          {Type: raftmsg.TypeHeartbeat, From: 3, To: 1, Term: 1},
		"a message for another":      {Type: raftmsg.TypeHeartbeat, From: 2, To: 3, Term: 1},
		"a message to itself":        {Type: raftmsg.TypeHeartbeat, From: 1, To: 1, Term: 1},
		"a local message, beat":      {Type: 1, From: 2, To: 1, Term: 1},
		"a local message, storage's": {Type: 20, From: 2, To: 1, Term: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bad := frame(t, messageEncoder{}, encode(t, m))
			before := streams.Load()
			_, _, h := secured(t, f, impostor(t, serving(f.Certificate(t, named(2), nil)), append(bad, good...)))
			eventually(t, "the stream is given up for it, more than once", func() bool { return streams.Load() >= before+3 })
			h.nothing(t)
		})
	}
}

// A connection that was recorded cannot be played again, older terms and all.
func TestIdentityOfAReplay(t *testing.T) {
	f := peertlstest.New(t)
	tr, url, h := secured(t, f)
	var record record
	client := &http.Transport{DisableKeepAlives: true, TLSClientConfig: showing(f.Certificate(t, named(2), nil))}
	client.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return recorded{c, &record}, err
	}
	body := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 2, To: 1, Term: 1})
	request, err := http.NewRequest("POST", url+"/raft", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	identity{node: 2, cluster: testCluster}.mark(request.Header, 1)
	response, err := client.RoundTrip(request)
	if err != nil || response.StatusCode != 204 || h.messages.Load() != 1 {
		t.Fatalf("the message itself: %v, error %v", response, err)
	}
	closeAnswer(response)
	again, err := net.Dial("tcp", strings.TrimPrefix(url, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Write(record.sofar()); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, again) // until it is closed
	eventually(t, "the replay is refused", func() bool { return refused(tr, "handshake") == 1 })
	if n := h.messages.Load(); n != 1 {
		t.Errorf("%d messages got to the host, want the one that was sent", n)
	}
}

// A record is all that was written on a connection.
type record struct {
	mu    sync.Mutex
	bytes []byte
}

func (r *record) sofar() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.bytes)
}

type recorded struct {
	net.Conn
	to *record
}

func (r recorded) Write(p []byte) (int, error) {
	r.to.mu.Lock()
	r.to.bytes = append(r.to.bytes, p...)
	r.to.mu.Unlock()
	return r.Conn.Write(p)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	await.That(t, 20*time.Second, what, holds)
}
