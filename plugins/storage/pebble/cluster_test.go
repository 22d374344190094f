//go:build linux

package pebble_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// deployment is a host's program and the plugin beside it.
type deployment struct {
	t                    testing.TB
	dir                  string
	host, plugin, digest string
	ports                loopback.Ports
	clients, peers       [3]string
	running              [3]*exec.Cmd
	logs                 [3]*bytes.Buffer
}

func deploy(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{t: t, dir: t.TempDir()}
	d.plugin, d.digest = program(t)
	d.host = filepath.Join(d.dir, "host")
	build := exec.Command("go", "build", "-o", d.host, "./cmd/host")
	build.Dir = filepath.Join("..", "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for i := range 3 {
		d.clients[i], d.peers[i] = d.freeAddress(), d.freeAddress()
	}
	t.Cleanup(func() {
		for i := range 3 {
			d.stop(i)
			if t.Failed() && d.logs[i] != nil {
				t.Logf("log of n%d:\n%s", i+1, d.logs[i])
			}
		}
	})
	return d
}

func (d *deployment) freeAddress() string {
	d.t.Helper()
	address, err := d.ports.Free()
	if err != nil {
		d.t.Fatal(err)
	}
	return address
}

func (d *deployment) pebbleSection() string {
	return fmt.Sprintf("name: pebble\n    command: [%q]\n    sha256: %s\n", d.plugin, d.digest)
}

// configure writes a node's file and returns its path.
func (d *deployment) configure(i int, storage string) string {
	d.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "node:\n  id: %d\n  data_dir: %s\ncluster:\n  id: c1\n  state: new\n  members:\n", i+1, d.data(i))
	for n := range 3 {
		fmt.Fprintf(&b, "    - id: %d\n      name: n%d\n      peer_urls: [\"http://%s\"]\n      client_address: %s\n", n+1, n+1, d.peers[n], d.clients[n])
	}
	fmt.Fprintf(&b, "raft:\n  tick: 50ms\n  election: 500ms\napi:\n  listen: %s\n", d.clients[i])
	fmt.Fprintf(&b, "plugins:\n  transport:\n    name: http\n    listen: %s\n  statemachine:\n    name: kv\n  storage:\n    %s\n", d.peers[i], storage)
	path := filepath.Join(d.dir, fmt.Sprintf("n%d.yaml", i+1))
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *deployment) data(i int) string { return filepath.Join(d.dir, fmt.Sprintf("n%d", i+1)) }

func (d *deployment) serve(i int, config string) {
	d.t.Helper()
	d.logs[i] = &bytes.Buffer{}
	cmd := exec.Command(d.host, "serve", "--config", config)
	cmd.Stderr = d.logs[i]
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.running[i] = cmd
}

func (d *deployment) stop(i int) {
	if cmd := d.running[i]; cmd != nil {
		d.running[i] = nil
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// until runs a command of the host until it succeeds.
func (d *deployment) until(given ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		out, err := exec.CommandContext(ctx, d.host, given...).CombinedOutput()
		if err == nil {
			return strings.TrimSpace(string(out))
		}
		if ctx.Err() != nil {
			d.t.Fatalf("host %s: %v\n%s", strings.Join(given, " "), err, out)
		}
	}
}

func (d *deployment) endpoints() string { return strings.Join(d.clients[:], ",") }

// TestMixedCluster: three nodes, three backends, one history. The node with
// pebble is restarted, and alone with the one of wal it still has all of it.
func TestMixedCluster(t *testing.T) {
	d := deploy(t)
	for i, storage := range []string{"name: wal", d.pebbleSection(), "name: memory"} {
		d.serve(i, d.configure(i, storage))
	}
	for i := range 20 {
		d.until("kv", "put", fmt.Sprintf("key%d", i), fmt.Sprintf("value%d", i), "--endpoints", d.endpoints())
	}
	d.until("status", "--check", "--endpoints", d.endpoints())
	d.stop(1)
	d.until("kv", "put", "while", "away", "--endpoints", d.endpoints())
	d.serve(1, filepath.Join(d.dir, "n2.yaml"))
	d.until("status", "--check", "--endpoints", d.endpoints())
	d.stop(2) // what it had is gone: the two others are the quorum
	for i := range 20 {
		if got := d.until("kv", "get", fmt.Sprintf("key%d", i), "--endpoints", d.endpoints()); got != fmt.Sprintf("value%d", i) {
			t.Errorf("key%d is %q", i, got)
		}
	}
	if got := d.until("kv", "get", "while", "--endpoints", d.clients[1]); got != "away" {
		t.Errorf("on the node with pebble: %q", got)
	}
}

// TestMigrateThereAndBack: a node of a cluster changes its backend while it is
// stopped, comes back with all of its data, and changes back.
func TestMigrateThereAndBack(t *testing.T) {
	d := deploy(t)
	for i := range 3 {
		d.serve(i, d.configure(i, "name: wal"))
	}
	d.until("kv", "put", "a", "1", "--endpoints", d.endpoints())
	config := filepath.Join(d.dir, "n1.yaml")
	migrate := func(given ...string) (map[string]any, []byte, error) {
		out, err := exec.Command(d.host, append([]string{"storage", "migrate", "--config", config, "-o", "json"}, given...)...).Output()
		var m map[string]any
		_ = json.Unmarshal(out, &m)
		return m, out, err
	}
	toPebble := []string{"--from", "wal", "--to", "pebble", "--command", d.plugin, "--sha256", d.digest}
	_, _, err := migrate(toPebble...)
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 6 || !strings.Contains(string(exit.Stderr), "pid") {
		t.Fatalf("migrate of a running node: %v", err)
	}
	d.stop(0)
	m, out, err := migrate(toPebble...)
	if err != nil || m["old"] == nil || m["entries"].(float64) < 1 {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(m["old"].(string), "identity")); err != nil {
		t.Errorf("the old store is not there: %v", err)
	}
	d.serve(0, d.configure(0, d.pebbleSection()))
	d.until("kv", "put", "b", "2", "--endpoints", d.endpoints())
	d.until("status", "--check", "--endpoints", d.endpoints())
	d.stop(0)
	if m, out, err = migrate("--to", "wal"); err != nil || m["from"] != "pebble" {
		t.Fatalf("migrate back: %v\n%s", err, out)
	}
	d.until("log", "verify", "--data-dir", d.data(0))
	d.serve(0, d.configure(0, "name: wal"))
	d.until("status", "--check", "--endpoints", d.endpoints())
	for key, want := range map[string]string{"a": "1", "b": "2"} {
		if got := d.until("kv", "get", key, "--endpoints", d.clients[0]); got != want {
			t.Errorf("%s is %q after both migrations, want %q", key, got, want)
		}
	}
}

// TestForceNewCluster: two of three members are lost, and the third, on
// pebble, goes on alone with everything, and takes a new member in.
func TestForceNewCluster(t *testing.T) {
	d := deploy(t)
	for i, storage := range []string{d.pebbleSection(), "name: wal", "name: wal"} {
		d.serve(i, d.configure(i, storage))
	}
	d.until("kv", "put", "a", "1", "--endpoints", d.endpoints())
	d.until("kv", "get", "a", "--endpoints", d.clients[0]) // it has the entry
	recoverNode := func(words string) (string, error) {
		cmd := exec.Command(d.host, "recover", "--config", filepath.Join(d.dir, "n1.yaml"), "--force-new-cluster")
		cmd.Stdin = strings.NewReader(words + "\n")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := recoverNode("force new cluster c1"); err == nil || !strings.Contains(out, "pid") {
		t.Fatalf("recover of a running node: %v\n%s", err, out)
	}
	for i := range 3 {
		d.stop(i)
	}
	if out, err := recoverNode("yes"); err == nil || !strings.Contains(out, "nothing was changed") {
		t.Fatalf("recover without the words: %v\n%s", err, out)
	}
	if out, err := recoverNode("force new cluster c1"); err != nil {
		t.Fatalf("recover: %v\n%s", err, out)
	}
	if out, err := recoverNode("force new cluster c1"); err == nil || !strings.Contains(out, "only member already") {
		t.Fatalf("recover twice: %v\n%s", err, out)
	}
	d.serve(0, filepath.Join(d.dir, "n1.yaml"))
	d.until("status", "--check", "--endpoints", d.clients[0])
	if got := d.until("kv", "get", "a", "--endpoints", d.clients[0]); got != "1" {
		t.Errorf("a is %q", got)
	}
	d.until("kv", "put", "b", "2", "--endpoints", d.clients[0])
	if got := d.until("member", "list", "--endpoints", d.clients[0]); strings.Contains(got, "n2") || strings.Contains(got, "n3") {
		t.Errorf("the members are\n%s", got)
	}
	d.until("member", "add", "--id", "4", "--name", "n4", "--peer-url", "http://"+d.freeAddress(),
		"--client-address", d.freeAddress(), "--endpoints", d.clients[0])
}
