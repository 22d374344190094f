package httptransport

import (
	"context"
	"net/http"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// withoutStreams stands before a node and refuses its streams.
func withoutStreams(t *testing.T, target string) string {
	t.Helper()
	return front(t, target, func(w http.ResponseWriter, r *http.Request) bool {
		streams := strings.HasPrefix(r.URL.Path, pathStream)
		if streams {
			http.Error(w, "no streams", http.StatusServiceUnavailable)
		}
		return streams
	})
}

// B1: a removed member that has nothing to send hears of it, with the proof:
// at its next stream dial, without streams, and if it knows a survivor only as
// a remote. test/b1_removed_test.go sees a whole host stop.
func TestB1RemovedMemberHearsOfIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		streams bool
		remote  bool
	}{{"on a stream", true, false}, {"without streams", false, false}, {"of a remote", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			survivor, url := openNode(t, 1, "", newEvents())
			if !c.streams {
				url = withoutStreams(t, url)
			}
			heard := newEvents()
			removed, _ := openNode(t, 2, "", heard)
			err := removed.SetPeers(context.Background(), transport.PeerSet{
				Peers: []transport.Peer{{Id: 1, Urls: []string{url}, Remote: c.remote}},
			})
			if err != nil {
				t.Fatal(err)
			}
			err = survivor.SetPeers(context.Background(), transport.PeerSet{
				Removed: []transport.RemovedMember{{Id: 2, Index: 71, Term: 5}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if e := heard.wait(t, pluginv1.EventType_EVENT_REMOVED); e.Peer != 1 || e.Index != 71 || e.Term != 5 {
				t.Errorf("got %v", e)
			}
		})
	}
}

// B1: a message that reaches the wrong member is another answer, and stops no
// node.
func TestB1WrongMemberIsNotRemoved(t *testing.T) {
	wrong, url := openNode(t, 3, "", newEvents())
	connect(t, wrong, 4, "http://127.0.0.1:1")
	heard := newEvents()
	tr, _ := openNode(t, 1, "", heard)
	err := tr.SetPeers(context.Background(), transport.PeerSet{Peers: []transport.Peer{{Id: 2, Urls: []string{url}}}})
	if err != nil {
		t.Fatal(err)
	}
	payload := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 1, To: 2, Term: 1})
	if err := tr.Send(context.Background(), []transport.Envelope{{Group: 1, To: 2, From: 1, Payload: payload}}); err != nil {
		t.Fatal(err)
	}
	for {
		e := next(t, "a report", heard.notified)
		if e.Type == pluginv1.EventType_EVENT_REMOVED {
			t.Fatalf("got %v", e)
		}
		if e.Type == pluginv1.EventType_EVENT_UNREACHABLE {
			if !strings.Contains(e.Detail, errToMismatch.Error()) {
				t.Errorf("got %v", e)
			}
			return
		}
	}
}
