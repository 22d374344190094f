//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A node is one member: a host that runs, or could run, on its files.
type node struct {
	t                   testing.TB
	name                string
	client, peer, admin string
	config              string // path of its configuration
	data, runtime       string // directories
	logPath             string
	settings            []string     // for --set
	program             live.Program // of the host
	host                *live.Host
}

// newNode makes a node from an example configuration, rewritten by edit. Name
// is the member's. All its files are in a directory of its own, whose path is
// short enough for sockets.
func newNode(t testing.TB, name, example string, edit *strings.Replacer) *node {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		t: t, program: programs.host, name: name, config: filepath.Join(dir, name+".yaml"), data: filepath.Join(dir, "data"),
		runtime: filepath.Join(dir, "run"), logPath: filepath.Join(dir, "log"),
	}
	raw, err := os.ReadFile(filepath.Join("..", "configs", example))
	if err != nil {
		t.Fatal(err)
	}
	n.write(n.config, edit.Replace(string(raw)))
	t.Cleanup(func() {
		if t.Failed() && n.host != nil {
			t.Logf("the log of %s ends with:\n%s", name, n.host.LastLines(60))
		}
		os.RemoveAll(dir)
	})
	return n
}

func (n *node) write(path, text string) {
	n.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// rewrite changes the node's configuration for its next start.
func (n *node) rewrite(oldnew ...string) {
	n.t.Helper()
	text := n.configText()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			n.t.Fatalf("%s does not contain %q", n.config, oldnew[i])
		}
	}
	n.write(n.config, strings.NewReplacer(oldnew...).Replace(text))
}

// configText is the node's configuration as it is now.
func (n *node) configText() string {
	n.t.Helper()
	raw, err := os.ReadFile(n.config)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(raw)
}

// args are those of "host serve".
func (n *node) args() []string {
	args := []string{"--config", n.config, "--data-dir", n.data, "--set", "node.runtime_dir=" + n.runtime}
	for _, s := range n.settings {
		args = append(args, "--set", s)
	}
	return args
}

// start starts the host and does not wait for anything.
func (n *node) start() {
	n.t.Helper()
	n.host = live.StartHost(n.t, n.program.Path(n.t), n.logPath, n.args()...)
}

// startReady starts the host and waits until it serves.
func (n *node) startReady() {
	n.t.Helper()
	n.start()
	n.awaitReady()
}

func (n *node) awaitReady() {
	n.t.Helper()
	n.await("to be ready", func() bool {
		code, _, err := n.get(n.admin, "/readyz")
		return err == nil && code == http.StatusOK
	})
}

// await waits for a condition while the host runs.
func (n *node) await(what string, condition func() bool) {
	n.t.Helper()
	eventually(n.t, n.name+": "+what, func() bool {
		if condition() {
			return true
		}
		if !n.host.Running() {
			n.t.Fatalf("waiting for %s %s: the host ended with %v\n%s", n.name, what, n.host.Cmd.ProcessState, n.host.LastLines(30))
		}
		return false
	})
}

func (n *node) kill() {
	n.t.Helper()
	n.host.Kill(n.t)
}

// stopTime is how long a stop may take, by promise.
const stopTime = 5 * time.Second

// stop sends SIGTERM and checks that the stop is orderly: exit code 0 in time,
// and nothing left.
func (n *node) stop() {
	n.t.Helper()
	n.host.Signal(n.t, syscall.SIGTERM)
	n.stopped(stopTime)
}

func (n *node) stopped(limit time.Duration) {
	n.t.Helper()
	if code := n.host.ExitsWithin(n.t, limit); code != 0 {
		n.t.Fatalf("%s ended with %v, not with exit code 0\n%s", n.name, n.host.Cmd.ProcessState, n.host.LastLines(30))
	}
	n.leftNothing()
}

// leftNothing checks that no process of the host is there, and no socket.
func (n *node) leftNothing() {
	n.t.Helper()
	if left := n.host.Left(); len(left) > 0 {
		n.t.Fatalf("%s left processes behind: %v", n.name, left)
	}
	n.noSockets()
}

// noSockets checks that nothing is left where plugins have their sockets.
func (n *node) noSockets() {
	n.t.Helper()
	entries, err := os.ReadDir(n.runtime)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		n.t.Fatal(err)
	}
	if len(entries) > 0 {
		n.t.Fatalf("%s left sockets behind in %s: %v", n.name, n.runtime, entries)
	}
}

// web is how tests talk HTTP: one connection for each request, since hosts
// come and go.
func web() *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

// get asks the host by plain HTTP.
func (n *node) get(address, path string) (code int, body string, err error) {
	resp, err := web().Get("http://" + address + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// status is what the host says of itself; false if it does not answer.
func (n *node) status() (*hostv1.StatusResponse, bool) {
	code, body, err := n.get(n.client, "/v1/status")
	if err != nil || code != http.StatusOK {
		return nil, false
	}
	var st hostv1.StatusResponse
	if err := protojson.Unmarshal([]byte(body), &st); err != nil {
		n.t.Fatalf("status of %s: %v\n%s", n.name, err, body)
	}
	return &st, true
}

// plugin is the status of the plugin of a kind, zero if there is no answer.
func (n *node) plugin(kind string) *hostv1.PluginStatus {
	st, _ := n.status()
	for _, p := range st.GetPlugins() {
		if p.GetKind() == kind {
			return p
		}
	}
	return &hostv1.PluginStatus{}
}

// kinds of plugins, in the words of status.
func kinds() []string { return []string{"transport", "storage", "statemachine"} }

// signalPlugin sends sig to the process of a plugin and returns what the
// plugin was.
func (n *node) signalPlugin(kind string, sig syscall.Signal) *hostv1.PluginStatus {
	n.t.Helper()
	before := n.plugin(kind)
	if before.GetPid() <= 0 {
		n.t.Fatalf("%s of %s has no process: %v", kind, n.name, before)
	}
	if err := syscall.Kill(int(before.GetPid()), sig); err != nil {
		n.t.Fatalf("signal %v to %s of %s: %v", sig, kind, n.name, err)
	}
	return before
}

// awaitReplaced waits until another process serves in the place of before.
func (n *node) awaitReplaced(before *hostv1.PluginStatus) {
	n.t.Helper()
	kind := before.GetKind()
	n.await("to replace its "+kind+" plugin", func() bool {
		p := n.plugin(kind)
		return p.GetState() == "ready" && p.GetPid() > 0 && p.GetPid() != before.GetPid()
	})
	if got := n.plugin(kind).GetRestarts(); got != before.GetRestarts()+1 {
		n.t.Errorf("%s of %s: %d restarts counted, %d before", kind, n.name, got, before.GetRestarts())
	}
}

// dial makes a client that knows this node only; it may learn of others.
func (n *node) dial() *client.Client {
	n.t.Helper()
	c, err := client.New(client.Options{Endpoints: []string{n.client}, AnyMember: true, RequestTimeout: 20 * time.Second})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}

func (n *node) String() string { return fmt.Sprintf("%s (%s)", n.name, n.client) }
