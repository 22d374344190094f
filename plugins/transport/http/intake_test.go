package httptransport

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

// A peer whose message does not come to its end has no other one read, and keeps
// no other peer's out. When it gives up its place is free.
func TestMessagesOnTheirWayAreBoundedForEachPeer(t *testing.T) {
	url, _ := server(t, "")
	held, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	headers := http.Header{}
	identity{node: 2, cluster: testCluster}.mark(headers, 1)
	var text strings.Builder
	if err := headers.Write(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(held, "POST /raft HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n%s\r\n", wire.MessageLimit(plugins.Limits{}), &text)
	// It is told to go on when its message is begun to be read.
	if line, err := bufio.NewReader(held).ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		t.Fatalf("got %q, %v", line, err)
	}

	post := func(from uint64) int {
		m := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: from, To: 1, Term: 1})
		response, _ := call(t, http.MethodPost, url+"/raft", from, m, nil)
		return response.StatusCode
	}
	if code := post(2); code != http.StatusServiceUnavailable {
		t.Errorf("another message of the same peer got %d", code)
	}
	announced := append(make([]byte, 7), 4, 0, 0, 0, 0)
	if response, _ := call(t, http.MethodPost, url+"/raft/snapshot", 2, announced, nil); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a snapshot of the same peer got %d", response.StatusCode)
	}
	if code := post(3); code != http.StatusNoContent {
		t.Errorf("a message of another sender got %d", code)
	}
	held.Close()
	for code := 0; code != http.StatusNoContent; {
		if code = post(2); code != http.StatusNoContent && code != http.StatusServiceUnavailable {
			t.Fatalf("after it has given up another message got %d", code)
		}
	}
}
