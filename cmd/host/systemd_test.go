package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A notifySocket is the side of systemd.
type notifySocket struct {
	t    *testing.T
	conn *net.UnixConn
	path string
	said strings.Builder
}

func newNotifySocket(t *testing.T) *notifySocket {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &notifySocket{t: t, conn: conn, path: path}
}

// hears waits for an assignment that begins so.
func (s *notifySocket) hears(begin string) {
	s.t.Helper()
	datagram := make([]byte, 4096)
	for {
		n, err := s.conn.Read(datagram)
		if err != nil {
			s.t.Fatalf("systemd was not told %s: %v; it was told\n%s", begin, err, s.said.String())
		}
		s.said.Write(append(datagram[:n:n], '\n'))
		for line := range strings.Lines(string(datagram[:n])) {
			if strings.HasPrefix(line, begin) {
				return
			}
		}
	}
}

// A host under systemd is started when it leads and serves, feeds the watchdog, and
// says that it stops.
func TestAHostTellsSystemdHowItDoes(t *testing.T) {
	program, dir, socket := buildHost(t), t.TempDir(), newNotifySocket(t)
	config := filepath.Join(dir, "n1.yaml")
	text := fmt.Sprintf(`
node: {id: 1, data_dir: %s}
cluster:
  id: a1
  state: new
  members:
    - {id: 1, name: n1, peer_urls: ["http://127.0.0.1:1"], client_address: "127.0.0.1:7401"}
api: {listen: "127.0.0.1:0"}
raft: {tick: 10ms, election: 500ms}
plugins:
  transport: {name: http, listen: "127.0.0.1:0"}
  storage: {name: wal}
  statemachine: {name: kv}
`, filepath.Join(dir, "data"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "serve", "--config", config)
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket.path, "WATCHDOG_USEC=2000000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	socket.hears("STATUS=starting")
	socket.hears("EXTEND_TIMEOUT_USEC=")
	socket.hears("READY=1")
	socket.hears("WATCHDOG=1")
	if said := socket.said.String(); !strings.Contains(said, "STATUS=leads in term ") || !strings.Contains(said, ", 1 of 1 members connected") {
		t.Errorf("the status does not say what the member does:\n%s", said)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	socket.hears("STOPPING=1")
	if err := cmd.Wait(); err != nil {
		t.Errorf("the host ended with %v", err)
	}
}
