package httptransport

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// logbook keeps what is logged.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *logbook) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *logbook) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// lines are those that have all parts.
func (r *logbook) lines(parts ...string) (found []string) {
	for line := range strings.SplitSeq(r.String(), "\n") {
		has := line != ""
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			found = append(found, line)
		}
	}
	return found
}

// openLogged opens node 1 with what it says of itself and one peer at that URL.
func openLogged(t *testing.T, url string, self transport.Greeting, store uint64) (*opened, *logbook) {
	t.Helper()
	log := &logbook{}
	tr := New(backend.Env{Logger: slog.New(slog.NewTextHandler(log, nil))}).(*opened)
	tr.Timing = quick
	if _, err := tr.Open(context.Background(), testOptions(1, ""), newEvents()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close(context.Background()) })
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Self: self, Peers: []transport.Peer{{Id: 2, Urls: []string{url}, Store: store}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr, log
}

// answering is a server that answers everything with that.
func answering(t *testing.T, code int, text string, headers map[string]string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(headerVersion, protocolVersion)
		for key, value := range headers {
			w.Header().Set(key, value)
		}
		http.Error(w, text, code)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// nobodyThere is where no server listens: the system gives that port to none.
const nobodyThere = "http://127.0.0.1:1"

// Why a peer cannot be reached is a warning, once, whatever it is.
func TestWhyAPeerIsNotReached(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	self := transport.Greeting{Store: 0x1a}
	for _, c := range []struct {
		name, url string
		known     uint64
		want      []string
	}{
		{"nobody listens", nobodyThere, 0, []string{"reason=connection_refused"}},
		{"nobody answers", "http://" + silent.Addr().String(), 0, []string{"reason=timeout"}},
		{"another version", answering(t, 412, "incompatible version", nil), 0, []string{"reason=version"}},
		{"another cluster", answering(t, 412, "cluster ID mismatch", nil), 0, []string{"reason=other_cluster"}},
		{"a member that does not know this one", answering(t, 404, "error sender not found", nil), 0, []string{"reason=unknown_there"}},
		{"it knows this one with another store", answering(t, 412, "greeting mismatch", map[string]string{
			headerMismatch: "store", headerKnown: "1b", headerStore: "2a",
		}), 0, []string{"reason=other_store", "own_greeting.store=1a", "peer_greeting.store=2a", "000000000000001b"}},
		{"it has another store", answering(t, 412, "greeting mismatch", map[string]string{
			headerMismatch: "expected", headerStore: "2a",
		}), 0x2b, []string{"reason=other_store", "own_greeting.store=1a", "peer_greeting.store=2a", "000000000000002b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, log := openLogged(t, c.url, self, c.known)
			want := append([]string{"level=WARN", "peer cannot be reached", "peer=2"}, c.want...)
			eventually(t, "the reason: "+strings.Join(want, " "), func() bool { return len(log.lines(want...)) > 0 })
			if n := len(log.lines("peer cannot be reached", c.want[0])); n != 1 {
				t.Errorf("it is said %d times:\n%s", n, log)
			}
		})
	}
}

// When the peer is reached at last, that is said once.
func TestAPeerIsReachedAgain(t *testing.T) {
	one, log := openLogged(t, nobodyThere, transport.Greeting{}, 0)
	eventually(t, "a warning", func() bool { return len(log.lines("level=WARN", "reason=connection_refused")) > 0 })
	two, url := openNode(t, 2, "", newEvents())
	connect(t, two, 1, nobodyThere)
	connect(t, one, 2, url)
	eventually(t, "the end of it", func() bool { return len(log.lines("level=INFO", "peer can be reached again", "reason_was=")) > 0 })
	if n := len(log.lines("level=INFO", "peer can be reached again")); n != 1 {
		t.Errorf("said %d times:\n%s", n, log)
	}
}
