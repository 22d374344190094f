package pontoontest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/loopback"
)

// A Member is a host that runs, or could run, on its files.
type Member struct {
	t                                 testing.TB
	cluster                           *Running
	number                            int
	dir, host                         string
	client, admin, listen, advertised string
	settings                          []string
	cmd                               *exec.Cmd
	lifeline                          io.Closer
	exited                            chan struct{}
}

func newMember(t testing.TB, c *Running, number int, dir, host string, ports *loopback.Ports) *Member {
	t.Helper()
	m := &Member{t: t, cluster: c, number: number, dir: filepath.Join(dir, fmt.Sprintf("n%d", number)), host: host}
	for _, address := range []*string{&m.client, &m.admin, &m.listen} {
		var err error
		if *address, err = ports.Free(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.advertised, err = c.links.open(number, m.listen); err != nil {
		t.Fatal(err)
	}
	return m
}

// configure writes the configuration.
func (m *Member) configure(o Options) {
	m.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "node: {id: %d, name: n%d, data_dir: %q, runtime_dir: %q}\n", m.number, m.number, filepath.Join(m.dir, "data"), filepath.Join(m.dir, "run"))
	fmt.Fprintf(&b, "cluster:\n  id: 7e57\n  members:\n")
	for _, peer := range m.cluster.members {
		fmt.Fprintf(&b, "    - {id: %d, name: n%d, peer_urls: [%q], client_address: %q}\n", peer.number, peer.number, peer.url(o), peer.client)
	}
	fmt.Fprintf(&b, "api: {listen: %q}\nadmin: {listen: %q}\nplugins:\n", m.client, m.admin)
	m.plugin(&b, "transport", "http", o.Transport, "")
	fmt.Fprintf(&b, "    listen: %q\n", m.listen)
	m.plugin(&b, "storage", "wal", o.Storage, "")
	m.plugin(&b, "statemachine", "kv", o.StateMachine, o.StateMachineConfig)
	if err := os.WriteFile(m.file("host.yaml"), []byte(b.String()), 0o600); err != nil {
		m.t.Fatal(err)
	}
	m.settings = o.Settings
}

// url is where the other members reach this one.
func (m *Member) url(o Options) string {
	if len(o.Transport) > 0 {
		return o.Scheme + "://" + m.listen
	}
	return "http://" + m.advertised
}

// plugin writes the section of a plugin.
func (m *Member) plugin(b *strings.Builder, kind, shipped string, command []string, config string) {
	m.t.Helper()
	fmt.Fprintf(b, "  %s:\n", kind)
	if len(command) == 0 {
		fmt.Fprintf(b, "    name: %s\n", shipped)
	} else {
		command = absolute(m.t, command)
		program, err := os.ReadFile(command[0])
		if err != nil {
			m.t.Fatal(err)
		}
		list, err := json.Marshal(command)
		if err != nil {
			m.t.Fatal(err)
		}
		fmt.Fprintf(b, "    command: %s\n    sha256: %x\n", list, sha256.Sum256(program))
	}
	if config != "" {
		fmt.Fprintf(b, "    config: %s\n", config)
	}
}

func (m *Member) file(name string) string { return filepath.Join(m.dir, name) }

// Start starts the host, and waits for nothing.
func (m *Member) Start() {
	m.t.Helper()
	args := []string{"serve", "--stop-on-stdin-eof", "--config", m.file("host.yaml")}
	for _, s := range m.settings {
		args = append(args, "--set", s)
	}
	log, err := os.OpenFile(m.file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command(m.host, args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if m.lifeline, err = m.cmd.StdinPipe(); err != nil {
		m.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	cmd, exited := m.cmd, make(chan struct{})
	m.exited = exited
	go func() {
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(exited)
	}()
}

// Running tells whether the host has been started and has not ended.
func (m *Member) Running() bool {
	if m.cmd == nil {
		return false
	}
	select {
	case <-m.exited:
		return false
	default:
		return true
	}
}

// Kill is kill -9 of the host, upon which its plugins end. It returns when the host is gone.
func (m *Member) Kill() {
	if m.Running() {
		_ = m.cmd.Process.Kill()
		<-m.exited
	}
}

// hangUp has the host stop in good order, and waits for nothing.
func (m *Member) hangUp() {
	if m.Running() {
		_ = m.lifeline.Close()
	}
}

// endsBefore waits for the end of the host, if it runs, and reports whether it came.
func (m *Member) endsBefore(late <-chan time.Time) bool {
	if !m.Running() {
		return true
	}
	select {
	case <-m.exited:
		return true
	case <-late:
		return false
	}
}

// Stop stops the host in good order.
func (m *Member) Stop() {
	m.t.Helper()
	if !m.Running() {
		return
	}
	m.hangUp()
	if !m.endsBefore(time.After(patience)) {
		m.t.Fatalf("n%d did not stop within %v", m.number, patience)
	}
	if code := m.cmd.ProcessState.ExitCode(); code != 0 {
		m.t.Fatalf("n%d stopped with exit code %d", m.number, code)
	}
}

// KillPlugin is kill -9 of a plugin: "storage", "statemachine" or "transport". It returns
// when another process serves in its place.
func (m *Member) KillPlugin(kind string) {
	m.t.Helper()
	before := m.plugged(kind).GetPid()
	if before == 0 {
		m.t.Fatalf("n%d has no process of a plugin of kind %s", m.number, kind)
	}
	process, err := os.FindProcess(int(before))
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		m.t.Fatalf("kill the %s of n%d: %v", kind, m.number, err)
	}
	m.await("to replace its "+kind, func() bool {
		p := m.plugged(kind)
		return p.GetState() == "ready" && p.GetPid() != before
	})
}

func (m *Member) plugged(kind string) *hostv1.PluginStatus {
	for _, p := range m.status().GetPlugins() {
		if p.GetKind() == kind {
			return p
		}
	}
	return nil
}

// Query asks the member's own state machine, whatever the others have applied.
func (m *Member) Query(query []byte) []byte {
	m.t.Helper()
	c := m.dial()
	defer c.Close()
	answer, err := c.Query(context.Background(), query, client.Stale)
	if err != nil {
		m.t.Fatalf("query %q of n%d: %v", query, m.number, err)
	}
	return answer.Data
}

// propose proposes through this member, which may be cut off from the others.
func (m *Member) propose(ctx context.Context, command []byte) (client.Result, error) {
	m.t.Helper()
	c := m.dial()
	defer c.Close()
	return c.Propose(ctx, command)
}

// dial makes a client that knows this member alone.
func (m *Member) dial() *client.Client {
	m.t.Helper()
	c, err := client.New(client.Options{Endpoints: []string{m.client}, AnyMember: true, RequestTimeout: patience})
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// await waits for a condition while the host runs.
func (m *Member) await(what string, holds func() bool) {
	m.t.Helper()
	eventually(m.t, fmt.Sprintf("n%d %s", m.number, what), func() bool {
		if holds() {
			return true
		}
		if !m.Running() {
			m.t.Fatalf("waiting for n%d %s: the host has ended", m.number, what)
		}
		return false
	})
}

func (m *Member) ready() bool {
	_, ok := get("http://" + m.admin + "/readyz")
	return ok
}

// status is what the host says of itself; nil if it does not answer.
func (m *Member) status() *hostv1.StatusResponse {
	body, ok := get("http://" + m.client + "/v1/status")
	if !ok {
		return nil
	}
	st := new(hostv1.StatusResponse)
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, st); err != nil {
		m.t.Errorf("status of n%d: %v", m.number, err)
		return nil
	}
	return st
}

func get(url string) ([]byte, bool) {
	web := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := web.Get(url)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return body, err == nil && resp.StatusCode == http.StatusOK
}

// lastLines is the end of what the host has logged.
func (m *Member) lastLines() string {
	raw, err := os.ReadFile(m.file("log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}
