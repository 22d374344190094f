package httptransport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// front stands before a node; serve may answer in its place, and says so.
func front(t *testing.T, target string, serve func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	onward := &http.Transport{}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = onward
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !serve(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.Close()
		onward.CloseIdleConnections()
	})
	return server.URL
}

// pass sends a request on, with its trailer, which a ReverseProxy loses, and
// returns the status.
func pass(t *testing.T, target string, r *http.Request) int {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	onward, err := http.NewRequest(r.Method, target+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return http.StatusBadGateway
	}
	onward.Header, onward.Trailer = r.Header.Clone(), r.Trailer
	if len(r.Trailer) > 0 {
		onward.ContentLength = -1
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(onward)
	if err != nil {
		t.Error(err)
		return http.StatusBadGateway
	}
	defer closeAnswer(response)
	return response.StatusCode
}

// keeper is a handler that keeps the snapshots it takes.
type keeper struct {
	*events
	taken   chan []byte
	verdict error
}

func newKeeper() *keeper { return &keeper{events: newEvents(), taken: make(chan []byte, 16)} }

func (k *keeper) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err == nil {
		k.taken <- b
		err = k.verdict
	}
	return err
}

// partOf makes the body of one part.
func partOf(t *testing.T, data string) []byte { return partFrom(t, 2, data) }

func partFrom(t *testing.T, from uint64, data string) []byte {
	message := encode(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: from, To: 1, Term: 1})
	return append(append(binary.BigEndian.AppendUint64(nil, uint64(len(message))), message...), data...)
}

func sumHex(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// at sets the offset of a part, and the checksum if it is the last.
func at(offset, sum string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set(headerSnapshotOffset, offset)
		if sum != "" {
			r.ContentLength = -1
			r.Trailer = http.Header{headerSnapshotSHA256: {sum}}
		}
	}
}

// The requests of one transfer and their answers, step by step.
func TestTransferRequests(t *testing.T) {
	k := newKeeper()
	tr, url := openNode(t, 1, "max_snapshots: 1", k)
	connect(t, tr, 2, "http://127.0.0.1:1")
	for _, c := range []struct {
		name, method, path, data string
		from                     uint64
		change                   func(*http.Request)
		code                     int
		offset                   string
	}{
		{"unknown", "GET", "/7", "", 2, nil, 200, "0"},
		{"unknown, and not its beginning", "POST", "/7", "world", 2, at("5", ""), 409, "0"},
		{"without an offset", "POST", "/7", "hello", 2, nil, 400, ""},
		{"for another node", "POST", "/7", "hello", 2, header(headerTo, "9"), 412, ""},
		{"of another member", "POST", "/7", "hello", 3, at("0", ""), 400, ""},
		{"method", "PUT", "/7", "", 2, nil, 405, ""},
		{"first part", "POST", "/7", "hello", 2, at("0", ""), 200, "5"},
		{"the same again", "POST", "/7", "hello", 2, at("0", ""), 409, "5"},
		{"a gap", "POST", "/7", "world", 2, at("6", ""), 409, "5"},
		{"how far", "GET", "/7", "", 2, nil, 200, "5"},
		{"somebody else's", "GET", "/7", "", 3, nil, 200, "0"},
		{"another one, one too many", "POST", "/8", "hello", 2, at("0", ""), 503, "0"},
		{"last part", "POST", "/7", " world", 2, at("5", sumHex("hello world")), 0, ""},
		{"the verdict, asked for again", "GET", "/7", "", 2, nil, 204, "11"},
		{"damaged", "POST", "/9", "hello", 2, at("0", sumHex("hallo")), 0, ""},
		{"damaged: the verdict", "GET", "/9", "", 2, nil, 422, ""},
		{"begun and given up", "POST", "/a", "hello", 2, at("0", ""), 200, "5"},
		{"give up", "DELETE", "/a", "", 2, nil, 204, ""},
		{"given up: the verdict", "GET", "/a", "", 2, nil, 408, ""},
	} {
		var body []byte
		if c.method == "POST" {
			body = partOf(t, c.data)
		}
		response, text := call(t, c.method, url+pathSnapshot+c.path, c.from, body, c.change)
		// With the last part, the verdict may come at once or later.
		if c.code == 0 && response.StatusCode != 204 && response.StatusCode != 202 && response.StatusCode != 422 ||
			c.code != 0 && response.StatusCode != c.code || c.offset != "" && response.Header.Get(headerSnapshotOffset) != c.offset {
			t.Fatalf("%s: got %d, offset %q, %q; want %d, offset %q", c.name, response.StatusCode,
				response.Header.Get(headerSnapshotOffset), text, c.code, c.offset)
		}
	}
	if got := next(t, "the snapshot", k.taken); string(got) != "hello world" || len(k.taken) > 0 {
		t.Errorf("got %q and %d more", got, len(k.taken))
	}
}

// A snapshot of no member, here one that has begun and does not go on, gives its
// place to a member's at once.
func TestASnapshotOfAStrangerGivesWay(t *testing.T) {
	k := newKeeper()
	tr, url := openNode(t, 1, "max_snapshots: 1", k)
	connect(t, tr, 2, "http://127.0.0.1:1")
	if response, text := call(t, http.MethodPost, url+pathSnapshot+"/7", 9, partFrom(t, 9, "hello"), at("0", "")); response.StatusCode != 200 {
		t.Fatalf("the stranger's: got %d %q", response.StatusCode, text)
	}
	response, text := call(t, http.MethodPost, url+pathSnapshot+"/7", 2, partOf(t, "hello world"), at("0", sumHex("hello world")))
	if response.StatusCode != 204 && response.StatusCode != 202 {
		t.Errorf("the member's: got %d %q", response.StatusCode, text)
	}
	if got := next(t, "the snapshot", k.taken); string(got) != "hello world" {
		t.Errorf("got %q", got)
	}
	if _, gaveWay, _ := endpointOf(tr).Arrivals.Count(); gaveWay != 1 {
		t.Errorf("%d gave way", gaveWay)
	}
}

// A peer that knows nothing of parts gets the snapshot as rafthttp sends it.
func TestSnapshotToAPeerWithoutParts(t *testing.T) {
	k := newKeeper()
	_, target := openNode(t, 2, "", k)
	var whole atomic.Int64
	old := front(t, target, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == pathSnapshot {
			whole.Add(1)
		}
		if strings.HasPrefix(r.URL.Path, pathSnapshot+"/") {
			http.NotFound(w, r)
			return true
		}
		w.WriteHeader(pass(t, target, r))
		return true
	})
	one, _ := openNode(t, 1, "", newEvents())
	connect(t, one, 2, old)
	data := strings.Repeat("x", 5<<20)
	if err := one.SendSnapshot(context.Background(), snapshotTo(t, 2, uint64(len(data))), strings.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if got := next(t, "the snapshot", k.taken); string(got) != data || whole.Load() != 1 {
		t.Errorf("got %d bytes in %d requests", len(got), whole.Load())
	}
}

// The verdict is the receiver's, whatever happens to the answer that says it.
func TestVerdictSurvivesABrokenAnswer(t *testing.T) {
	for name, verdict := range map[string]error{"accepted": nil, "refused": errors.New("not wanted")} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper()
			k.verdict = verdict
			_, target := openNode(t, 2, "", k)
			var broken atomic.Bool
			lossy := front(t, target, func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost && broken.CompareAndSwap(false, true) {
					pass(t, target, r)
					panic(http.ErrAbortHandler)
				}
				return false
			})
			one, _ := openNode(t, 1, "", newEvents())
			connect(t, one, 2, lossy)
			err := one.SendSnapshot(context.Background(), snapshotTo(t, 2, 5), strings.NewReader("hello"))
			if verdict == nil && err != nil || verdict != nil && !errors.Is(err, transport.ErrSnapshotRefused) {
				t.Errorf("got %v", err)
			}
			if len(k.taken) != 1 || !broken.Load() {
				t.Errorf("taken %d times, broken %t", len(k.taken), broken.Load())
			}
		})
	}
}

// A receiver that has forgotten the beginning gets no second one: the bytes
// are not there any more.
func TestSnapshotToAForgetfulReceiver(t *testing.T) {
	first, targetFirst := openNode(t, 2, "", newKeeper())
	_, targetSecond := openNode(t, 2, "", newKeeper())
	second, err := url.Parse(targetSecond)
	if err != nil {
		t.Fatal(err)
	}
	onward := &http.Transport{}
	defer onward.CloseIdleConnections()
	restarted := httputil.NewSingleHostReverseProxy(second)
	restarted.Transport = onward
	var posts atomic.Int64
	address := front(t, targetFirst, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
		if posts.Load() < 2 {
			return false
		}
		restarted.ServeHTTP(w, r)
		return true
	})
	one, _ := openNode(t, 1, "", newEvents())
	connect(t, one, 2, address)
	err = one.SendSnapshot(context.Background(), snapshotTo(t, 2, 3*partBytes), randomBytes(3*partBytes))
	if !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if err := first.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A window gives what it keeps again, and reads no further than a part.
func TestWindow(t *testing.T) {
	data := strings.Repeat("0123456789abcdef", 3*partBytes/2/16)
	w := newWindow(strings.NewReader(data), uint64(len(data)))
	read := func(from uint64) (string, string) {
		var b strings.Builder
		buf := make([]byte, 100_000)
		for {
			n, sum, err := w.readAt(from+uint64(b.Len()), buf)
			b.Write(buf[:n])
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				return b.String(), sum
			}
		}
	}
	for _, from := range []uint64{0, 0, 17, 100_000} {
		if got, sum := read(from); got != data[from:partBytes] || sum != "" {
			t.Fatalf("from %d: %d bytes, checksum %q", from, len(got), sum)
		}
	}
	if w.advance(partBytes+1) || !w.advance(1_000_000) || w.advance(999_999) {
		t.Fatal("the window reaches where it must not")
	}
	if got, sum := read(1_000_000); got != data[1_000_000:1_000_000+partBytes] || sum != "" {
		t.Fatalf("after an advance: %d bytes, checksum %q", len(got), sum)
	}
	if !w.advance(1_000_000 + partBytes) {
		t.Fatal("the window does not reach where it must")
	}
	if got, sum := read(1_000_000 + partBytes); got != data[1_000_000+partBytes:] || sum != sumHex(data) {
		t.Fatalf("at the end: %d bytes, checksum %q", len(got), sum)
	}
	if _, _, err := w.readAt(0, make([]byte, 1)); !errors.Is(err, errOver) {
		t.Errorf("what was given up: %v", err)
	}
}

// A sender that trickles, within one part or with parts of a byte each, never
// stands still, and keeps the place of a snapshot no longer than one that does.
func TestASenderThatTricklesIsGivenUp(t *testing.T) {
	for name, trickle := range map[string]func(t *testing.T, url string, next <-chan time.Time){
		"in one part": func(t *testing.T, url string, next <-chan time.Time) {
			r, w := io.Pipe()
			go func() {
				_, err := w.Write(partOf(t, "x"))
				for err == nil {
					<-next
					_, err = w.Write([]byte("x"))
				}
			}()
			request, err := http.NewRequest(http.MethodPost, url+pathSnapshot+"/7", r)
			if err != nil {
				t.Fatal(err)
			}
			identity{node: 2, cluster: testCluster}.mark(request.Header, 1)
			at("0", "")(request)
			response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
			if err == nil {
				closeAnswer(response)
			}
			_ = r.CloseWithError(errOver)
		},
		"in parts of a byte": func(t *testing.T, url string, next <-chan time.Time) {
			for offset := 0; ; offset++ {
				response, _ := call(t, http.MethodPost, url+pathSnapshot+"/7", 2, partOf(t, "x"), at(strconv.Itoa(offset), ""))
				if response.StatusCode != http.StatusOK {
					return
				}
				<-next
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := New(backend.Env{}).(*opened)
			tr.Timing = quick
			address, err := tr.Open(context.Background(), testOptions(1, "max_snapshots: 1"), newKeeper())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tr.Close(context.Background()) }()
			connect(t, tr, 2, "http://127.0.0.1:1")
			url := "http://" + address
			byByte := time.NewTicker(quick(0).Link / 4)
			defer byByte.Stop()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				trickle(t, url, byByte.C)
			}()
			eventually(t, "the snapshot that trickles has the only place", func() bool { taken, _, _ := endpointOf(tr).Arrivals.Count(); return taken == 1 })
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("it keeps it")
			}
			eventually(t, "its place is free", func() bool { taken, _, _ := endpointOf(tr).Arrivals.Count(); return taken == 0 })
		})
	}
}
