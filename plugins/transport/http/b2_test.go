package httptransport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/roster"
)

// B2: a thousand senders with random ids leave a bounded number of remotes and
// no goroutines. One that becomes a peer is a remote no longer.
func TestB2RemotesAreBounded(t *testing.T) {
	h := newEvents()
	go func() { // these are not read
		for range h.arrived {
		}
	}()
	t.Cleanup(func() { close(h.arrived) })
	tr, url := openNode(t, 1, "learn_remotes: true", h)
	e := endpointOf(tr)
	client := &http.Transport{}
	defer client.CloseIdleConnections()
	before := runtime.NumGoroutine()
	for range 1000 {
		from := rand.Uint64() | 2
		body := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: from, To: 1})
		request, err := http.NewRequest(http.MethodPost, url+pathPipeline, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		identity{node: from, cluster: testCluster, urls: []string{"http://127.0.0.1:1", "gopher://x"}}.mark(request.Header, 1)
		response, err := client.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		closeAnswer(response)
	}
	if extra := runtime.NumGoroutine() - before; extra > roster.MaxLearned {
		t.Errorf("%d goroutines more than before", extra)
	}
	learned := e.Roster.Learned()
	if len(learned) != roster.MaxLearned {
		t.Fatalf("%d remotes were learned, want %d", len(learned), roster.MaxLearned)
	}
	some := learned[0]
	connect(t, tr, some, "http://127.0.0.1:1")
	if slices.Contains(e.Roster.Learned(), some) {
		t.Error("a peer is still a remote")
	}
}

// B2: no caller is believed without a certificate unless the configuration
// says so, and nonsense in the header costs nothing.
func TestB2SendersAreNotBelieved(t *testing.T) {
	for config, urls := range map[string]string{
		"":                    "http://127.0.0.1:1",
		"learn_remotes: true": "\x01,ftp://127.0.0.1:1,http://,http://192.0.2.1:1",
	} {
		tr, url := openNode(t, 1, config, &sink{arrived: make(chan int, 10)})
		call(t, http.MethodPost, url+pathPipeline, 9, encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 9, To: 1}), func(r *http.Request) {
			r.Header.Set(headerURLs, strings.TrimPrefix(urls, "\x01,"))
		})
		if p := endpointOf(tr).Roster.Get(9); p != nil {
			t.Errorf("%q: the sender was learned", config)
		}
	}
}

// B2: a snapshot that does not reach a remote fails, once.
func TestB2SnapshotToARemoteFails(t *testing.T) {
	tr, _ := openNode(t, 1, "", newEvents())
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Peers: []transport.Peer{{Id: 2, Urls: []string{"http://127.0.0.1:1"}, Remote: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	message := encode(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 1, To: 2, Term: 1})
	err = tr.SendSnapshot(context.Background(), transport.SnapshotHeader{Group: 1, From: 1, To: 2, Message: message}, strings.NewReader("x"))
	if !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}
