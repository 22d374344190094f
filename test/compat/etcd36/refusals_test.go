package etcd36

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	memberID  = 0x1b // known to both servers
	removedID = 0x2b // removed from both
)

// Both ends answer the same request with the same code and text, but where
// the table says why not.
func TestAnswersAreTheSame(t *testing.T) {
	etcd, ours := startEtcd(t, etcdID), startOurs(t, etcdID, "", "127.0.0.1:0")
	nobody := "http://" + freeAddress(t)
	etcd.transport.AddPeer(types.ID(memberID), []string{nobody})
	etcd.remove(removedID)
	ours.peers(t, transport.PeerSet{
		Peers:   []transport.Peer{{Id: memberID, Urls: []string{nobody}}},
		Removed: []transport.RemovedMember{{Id: removedID, Index: 7, Term: 2}},
	})
	heartbeat := encode(raftpb.Message{Type: raftpb.MsgHeartbeat, From: memberID, To: etcdID, Term: 1})
	set := func(key, value string) func(http.Header) { return func(h http.Header) { h.Set(key, value) } }
	del := func(keys ...string) func(http.Header) {
		return func(h http.Header) {
			for _, key := range keys {
				h.Del(key)
			}
		}
	}
	for _, c := range []struct {
		name, method, path string
		body               []byte
		change             func(http.Header)
		code               int
		text               string
		ours               int // code of ours where it differs on purpose
	}{
		{"good", "GET", "/raft/stream/message/1b", nil, nil, 200, "", 0},
		{"method", "POST", "/raft/stream/message/1b", nil, nil, 405, "Method Not Allowed\n", 0},
		{"older version", "GET", "/raft/stream/message/1b", nil, set("X-Server-Version", "2.3.0"), 412, "incompatible version\n", 0},
		{"missing version", "GET", "/raft/stream/message/1b", nil, del("X-Server-Version"), 412, "incompatible version\n", 0},
		{"newer version", "GET", "/raft/stream/msgapp/1b", nil, set("X-Server-Version", "9.9.9"), 200, "", 0},
		{"needs a newer one", "GET", "/raft/stream/message/1b", nil, set("X-Min-Cluster-Version", "9.9.0"), 412, "incompatible version\n", 0},
		{"another cluster", "GET", "/raft/stream/message/1b", nil, set("X-Etcd-Cluster-Id", "dead"), 412, "cluster ID mismatch\n", 0},
		// etcd has one code for a path and for a member that it does not know. No etcd
		// asks for such a path.
		{"unknown stream", "GET", "/raft/stream/other/1b", nil, nil, 404, "invalid path\n", 501},
		{"unreadable id", "GET", "/raft/stream/message/zz", nil, nil, 404, "invalid from\n", 0},
		{"removed", "GET", "/raft/stream/message/2b", nil, nil, 410, "removed member\n", 0},
		{"unknown member", "GET", "/raft/stream/message/3b", nil, nil, 404, "error sender not found\n", 0},
		{"another receiver", "GET", "/raft/stream/message/1b", nil, set("X-Raft-To", "4b"), 412, "to field mismatch\n", 0},

		{"message", "POST", "/raft", heartbeat, nil, 204, "", 0},
		{"method of a message", "GET", "/raft", nil, nil, 405, "Method Not Allowed\n", 0},
		{"version of a message", "POST", "/raft", heartbeat, set("X-Server-Version", "2.3.0"), 412, "incompatible version\n", 0},
		{"cluster of a message", "POST", "/raft", heartbeat, set("X-Etcd-Cluster-Id", "dead"), 412, "cluster ID mismatch\n", 0},
		{"no message", "POST", "/raft", []byte{0xff}, nil, 400, "error unmarshalling raft message\n", 0},

		{"method of a snapshot", "GET", "/raft/snapshot", nil, nil, 405, "Method Not Allowed\n", 0},
		{"cluster of a snapshot", "POST", "/raft/snapshot", nil, set("X-Etcd-Cluster-Id", "dead"), 412, "cluster ID mismatch\n", 0},
		{"no snapshot message", "POST", "/raft/snapshot", frame(heartbeat), nil, 400, "wrong raft message type\n", 0},

		{"probing", "GET", "/raft/probing", nil, nil, 200, "", 0},
		// etcd leaves removal on the pipeline to its raft, whose error has
		// not reached the sender since etcd 2.3.
		{"message of a removed member", "POST", "/raft", heartbeat, set("X-Server-From", "2b"), 204, "removed member\n", 410},
		// etcd leaves this one to its raft too.
		{
			"message for another member", "POST", "/raft",
			encode(raftpb.Message{Type: raftpb.MsgHeartbeat, From: memberID, To: 0x4b}), nil, 204, "to field mismatch\n", 412,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, text := ask(t, etcd.address(), c.method, c.path, c.body, c.change)
			got, ourText := ask(t, ours.address, c.method, c.path, c.body, c.change)
			if want != c.code {
				t.Errorf("etcd answers %d %q, expected %d", want, text, c.code)
			}
			if c.ours != 0 {
				want, text = c.ours, c.text
			}
			if got != want || ourText != text {
				t.Errorf("ours answers %d %q, want %d %q", got, ourText, want, text)
			}
			if c.text != "" && ourText != c.text {
				t.Errorf("text %q, want %q", ourText, c.text)
			}
		})
	}
}

// ask makes a request with the headers of a member, changed by change. The
// body of a 200, which does not end or differs, is not read.
func ask(t *testing.T, address, method, path string, body []byte, change func(http.Header)) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"X-Server-From": strconv.FormatUint(memberID, 16), "X-Server-Version": "3.6.0", "X-Min-Cluster-Version": "3.0.0",
		"X-Etcd-Cluster-Id": strconv.FormatUint(cluster, 16), "X-Raft-To": strconv.FormatUint(etcdID, 16),
	} {
		request.Header.Set(key, value)
	}
	if change != nil {
		change(request.Header)
	}
	client := &http.Transport{DisableKeepAlives: true}
	response, err := client.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return response.StatusCode, ""
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
