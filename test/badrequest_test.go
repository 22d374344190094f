//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// valueLimit is the default of api.max_value_bytes.
const valueLimit = 3 << 19

// Proposals that cannot be taken are refused as not applied, by every way in,
// and those that the state machine refuses change nothing. The host goes on.
func TestBadProposals(t *testing.T) {
	n := newSingle(t)
	n.startReady()
	revision := put(t, n, "before")
	command := func(stdin string, args ...string) refusal {
		return refusedWithin(t, 20*time.Second, stdin, append(args, "--endpoints", n.client)...)
	}
	t.Run("command line", func(t *testing.T) {
		command(strings.Repeat("x", valueLimit+1), "propose").says(t, exitFailed, "too large", fmt.Sprint(valueLimit), "not applied")
		command("", "propose").says(t, exitFailed, "empty", "not applied")
		command("", "propose", "garbage").says(t, exitFailed, "the state machine refused it")
		command(strings.Repeat("x", valueLimit), "kv", "put", "k", "-").says(t, exitFailed, "too large")
		command("", "kv", "put", "", "v").says(t, exitFailed, "key")
	})
	t.Run("client", func(t *testing.T) {
		c := n.dial()
		for _, x := range []struct {
			reason string
			data   []byte
		}{{"too_large", make([]byte, valueLimit+1)}, {"too_large", make([]byte, 40<<20)}, {"empty", nil}} {
			if _, err := c.Propose(context.Background(), x.data); client.Reason(err) != x.reason || !client.IsNotApplied(err) {
				t.Errorf("proposal of %d bytes: %v", len(x.data), err)
			}
		}
		if r, err := c.Propose(context.Background(), []byte("garbage")); err != nil || r.Error == "" {
			t.Errorf("garbage: %+v, %v", r, err)
		}
	})
	t.Run("JSON", func(t *testing.T) {
		large := base64.StdEncoding.EncodeToString(make([]byte, valueLimit+1))
		for _, x := range []struct {
			path, body, reason string
			code               int
		}{
			{"/v1/propose", `{"data":"` + large + `"}`, "too_large", 413},
			{"/v1/propose", `{"data":""}`, "empty", 400},
			{"/v1/propose", `{"dada":""}`, "malformed", 400},
			{"/v1/propose", `{"data":"not base64!"}`, "malformed", 400},
			{"/v1/propose", `{`, "malformed", 400},
			{"/v1/propose", "\xff\x00\xfe", "malformed", 400},
			{"/v1/query", `{"consistency":"CONSISTENCY_SOMETIMES"}`, "malformed", 400},
			{"/v1/query", `{"data":"` + base64.StdEncoding.EncodeToString([]byte("garbage")) + `"}`, "invalid", 400},
			{"/v1/nothing", `{}`, "not_found", 404},
			{"/v1/status", `{}`, "method_not_allowed", 405},
			{"/v1/members/add", `{"member":{"name":""}}`, "change_refused", 409},
			{"/v1/members/remove", `{"id":"one"}`, "malformed", 400},
			{"/v1/leader/transfer", `{"to":"77"}`, "unknown_member", 404},
		} {
			code, f := failure(t, n, x.path, x.body)
			if code != x.code || f.GetReason() != x.reason || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
				t.Errorf("%s %.40s: %d %v, want %d %s", x.path, x.body, code, f, x.code, x.reason)
			}
		}
	})
	t.Run("not a request at all", func(t *testing.T) {
		for _, address := range []string{n.client, n.admin, n.peer} {
			for _, garbage := range []string{
				"\x00\x01\x02\x03 nothing that is known \r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
				"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\xff", 100), strings.Repeat("A", 100_000),
				"POST /v1/propose HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
			} {
				throw(t, address, garbage)
			}
		}
	})
	if after := put(t, n, "after"); after != revision+1 {
		t.Errorf("revision %d before all that and %d after it: something was applied", revision, after)
	}
	if children := live.ChildrenOf(n.host.PID()); len(children) != 3 || n.restarts() != 0 {
		t.Errorf("plugins did not survive: %v, %d restarts", children, n.restarts())
	}
	n.stop()
}

// restarts is the sum over the node's plugins.
func (n *node) restarts() (sum uint32) {
	st, _ := n.status()
	for _, p := range st.GetPlugins() {
		sum += p.GetRestarts()
	}
	return sum
}

// put writes one key and returns its revision.
func put(t testing.TB, n *node, key string) uint64 {
	t.Helper()
	c := n.dial()
	defer c.Close()
	r, err := c.Propose(context.Background(), kv.EncodePut([]byte(key), []byte(key)))
	if err != nil || r.Error != "" {
		t.Fatalf("put %s: %v %s", key, err, r.Error)
	}
	decoded, err := kv.DecodeResult(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	return decoded.Revision
}

// failure posts JSON that is refused.
func failure(t *testing.T, n *node, path, body string) (int, *hostv1.Failure) {
	t.Helper()
	resp, err := web().Post("http://"+n.client+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var f hostv1.Failure
	if err := protojson.Unmarshal(raw, &f); err != nil {
		t.Errorf("%s answers %q: %v", path, raw, err)
	}
	if resp.StatusCode == http.StatusOK {
		t.Errorf("%s %.40s was taken", path, body)
	}
	return resp.StatusCode, &f
}

// throw sends bytes and reads whatever comes back, until the other side has
// had enough or a moment has passed.
func throw(t *testing.T, address, garbage string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(conn, bytes.NewReader([]byte(garbage))) // may be cut off
	_, _ = io.Copy(io.Discard, conn)
}
