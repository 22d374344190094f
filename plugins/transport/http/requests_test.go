package httptransport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// server opens node 1, which knows peer 2, remote peer 3 and that 4 was
// removed.
func server(t *testing.T, config string) (string, *sink) {
	t.Helper()
	s := &sink{arrived: make(chan int, 100)}
	tr, url := openNode(t, 1, config, s)
	err := tr.SetPeers(context.Background(), transport.PeerSet{
		Peers:   []transport.Peer{{Id: 2}, {Id: 3, Remote: true}},
		Removed: []transport.RemovedMember{{Id: 4, Index: 17, Term: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return url, s
}

// call makes a request with the headers of a peer, changed by change.
func call(t *testing.T, method, url string, from uint64, body []byte, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	identity{node: from, cluster: testCluster}.mark(request.Header, 1)
	if change != nil {
		change(request)
	}
	client := &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}
	response, err := client.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text := ""
	if response.StatusCode != http.StatusOK {
		all, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		text = strings.TrimSuffix(string(all), "\n")
	}
	return response, text
}

func header(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

// The checks of a stream request, their order, codes and texts.
func TestStreamRequests(t *testing.T) {
	url, _ := server(t, "")
	for _, c := range []struct {
		name, method, path string
		change             func(*http.Request)
		code               int
		text               string
	}{
		{"method", "POST", "/raft/stream/message/2", nil, 405, "Method Not Allowed"},
		{"old version", "GET", "/raft/stream/bad/x", header(headerVersion, "2.3.0"), 412, "incompatible version"},
		{"no version", "GET", "/raft/stream/message/2", header(headerVersion, ""), 412, "incompatible version"},
		{"malformed version", "GET", "/raft/stream/message/2", header(headerVersion, "x"), 412, "incompatible version"},
		{"newer version", "GET", "/raft/stream/message/2", header(headerVersion, "9.9.9"), 200, ""},
		{"cluster", "GET", "/raft/stream/bad/x", header(headerCluster, "1"), 412, "cluster ID mismatch"},
		{"path", "GET", "/raft/stream/bad/x", nil, 501, "invalid path"},
		{"from", "GET", "/raft/stream/message/xyz", header(headerTo, "9"), 404, "invalid from"},
		{"removed", "GET", "/raft/stream/message/4", header(headerTo, "9"), 410, "removed member"},
		{"unknown", "GET", "/raft/stream/msgapp/5", header(headerTo, "9"), 404, "error sender not found"},
		{"remote", "GET", "/raft/stream/msgapp/3", nil, 404, "error sender not found"},
		{"to", "GET", "/raft/stream/msgapp/2", header(headerTo, "9"), 412, "to field mismatch"},
		{"good", "GET", "/raft/stream/msgapp/2", nil, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, text := call(t, c.method, url+c.path, 2, nil, c.change)
			if response.StatusCode != c.code || text != c.text {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, text, c.code, c.text)
			}
			if c.code != 405 && (response.Header.Get(headerVersion) == "" || response.Header.Get(headerCluster) != "abc") {
				t.Errorf("headers are %v", response.Header)
			}
		})
	}
}

func TestRemovedMemberGetsProof(t *testing.T) {
	url, _ := server(t, "")
	for _, request := range [][2]string{
		{"GET", "/raft/stream/message/4"}, {"POST", "/raft"}, {"POST", "/raft/snapshot"},
	} {
		response, _ := call(t, request[0], url+request[1], 4, nil, nil)
		proof := removedProof(response.Header, 4)
		if response.StatusCode != 410 || proof.Index != 17 || proof.Term != 3 {
			t.Errorf("%s: got %d with proof %v", request[1], response.StatusCode, proof)
		}
	}
}

func TestPipelineRequests(t *testing.T) {
	url, s := server(t, "")
	good := encode(t, pluginv1.Message{Type: 8, From: 2, To: 1, Term: 1})
	for _, c := range []struct {
		name   string
		body   []byte
		from   uint64
		change func(*http.Request)
		code   int
	}{
		{"good", good, 2, nil, 204},
		{"unknown sender", encode(t, pluginv1.Message{Type: 8, From: 9, To: 1}), 9, nil, 204},
		{"cluster", good, 2, header(headerCluster, "1"), 412},
		{"another receiver", encode(t, pluginv1.Message{Type: 8, From: 2, To: 7}), 2, nil, 412},
		{"another sender", encode(t, pluginv1.Message{Type: 8, From: 3, To: 1}), 2, nil, 400},
		{"malformed", []byte("\xff"), 2, nil, 400},
		{"snapshot", encode(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 2, To: 1}), 2, nil, 400},
		{"no sender", good, 2, header(headerFrom, "?"), 400},
		{"too large", make([]byte, 8<<20), 2, header("Expect", "100-continue"), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, text := call(t, "POST", url+"/raft", c.from, c.body, c.change)
			if response.StatusCode != c.code {
				t.Errorf("got %d %q, want %d", response.StatusCode, text, c.code)
			}
		})
	}
	if len(s.arrived) != 2 {
		t.Errorf("%d messages were delivered, want 2", len(s.arrived))
	}
}

// A snapshot as etcd sends it: no trailer, a length instead.
func TestForeignSnapshots(t *testing.T) {
	url, _ := server(t, "")
	message := encode(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 2, To: 1, Term: 1})
	frame := append(binary.BigEndian.AppendUint64(nil, uint64(len(message))), message...)
	heartbeat := encode(t, pluginv1.Message{Type: 8, From: 2, To: 1})
	for _, c := range []struct {
		name string
		body []byte
		code int
	}{
		{"whole", append(bytes.Clone(frame), "the database"...), 204},
		{"without a body", frame, 204},
		{"cut off in the message", frame[:9], 400},
		{"endless message", binary.BigEndian.AppendUint64(nil, 1<<60), 400},
		{"another type", append(binary.BigEndian.AppendUint64(nil, uint64(len(heartbeat))), heartbeat...), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if response, text := call(t, "POST", url+"/raft/snapshot", 2, c.body, nil); response.StatusCode != c.code {
				t.Errorf("got %d %q, want %d", response.StatusCode, text, c.code)
			}
		})
	}
	t.Run("wrong checksum", func(t *testing.T) {
		response, _ := call(t, "POST", url+"/raft/snapshot", 2, append(bytes.Clone(frame), "data"...), func(r *http.Request) {
			r.ContentLength = -1
			r.Trailer = http.Header{headerSnapshotSHA256: {"00"}}
		})
		if response.StatusCode != 422 {
			t.Errorf("got %d, want 422", response.StatusCode)
		}
	})
	t.Run("wrong size", func(t *testing.T) {
		response, _ := call(t, "POST", url+"/raft/snapshot", 2, append(bytes.Clone(frame), "data"...), header(headerSnapshotSize, "5"))
		if response.StatusCode != 422 {
			t.Errorf("got %d, want 422", response.StatusCode)
		}
	})
}

func TestProbing(t *testing.T) {
	url, _ := server(t, "")
	response, err := http.Get(url + "/raft/probing")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.HasPrefix(string(body), `{"OK":true,"Now":"`) {
		t.Errorf("got %q, error %v", body, err)
	}
}

// Connections that say nothing are closed, and only so many are taken.
func TestSilentConnections(t *testing.T) {
	url, _ := server(t, "max_connections_per_address: 2")
	var silent []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	// The first is closed for the third, the others when their time is over.
	for _, i := range []int{0, 1, 2} {
		if _, err := silent[i].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d was not closed: %v", i, err)
		}
	}
	if response, text := call(t, "GET", url+"/raft/stream/message/2", 2, nil, nil); response.StatusCode != 200 {
		t.Errorf("afterwards: got %d %q", response.StatusCode, text)
	}
}
