//go:build linux

package hostile

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A member is one host with its plugins, and the addresses of its three ports.
type member struct {
	way                 *way
	id                  uint64
	client, peer, admin string
	dir                 string
	host                *live.Host
}

// configFile is where the member's configuration is.
func (m *member) configFile() string { return filepath.Join(m.dir, "host.yaml") }

// start starts the host and does not wait for it.
func (m *member) start(t testing.TB) {
	t.Helper()
	m.host = live.StartHost(t, host.Path(t), filepath.Join(m.dir, "log"),
		"--config", m.configFile(), "--data-dir", filepath.Join(m.dir, "data"), "--set", "node.runtime_dir="+filepath.Join(m.dir, "run"))
}

// status is what the host says of itself, nil if it does not answer.
func (m *member) status() *hostv1.StatusResponse {
	code, body := m.way.get(m.client, "/v1/status")
	var st hostv1.StatusResponse
	if code != http.StatusOK || protojson.Unmarshal(body, &st) != nil {
		return nil
	}
	return &st
}

func (m *member) ready() bool {
	code, _ := m.way.administers().get(m.admin, "/readyz")
	return code == http.StatusOK
}

// write puts a key by a new connection to the member's own port, and returns nil
// if it was applied.
func (m *member) write(key string) error { return m.propose(kv.EncodePut([]byte(key), []byte(key))) }

func (m *member) propose(command []byte) error {
	body := fmt.Sprintf(`{"data":%q}`, base64.StdEncoding.EncodeToString(command))
	code, answer, err := m.way.ask(http.MethodPost, m.client, "/v1/propose", body, 2*time.Second)
	if err != nil || code != http.StatusOK {
		return fmt.Errorf("write through member %d: %d: %s %v", m.id, code, bytes.TrimSpace(answer), err)
	}
	return nil
}

// goroutines is how many the host has, by its admin port.
func (m *member) goroutines() (n int) {
	_, body := m.way.administers().get(m.admin, "/debug/pprof/goroutine?debug=1")
	line, _ := bufio.NewReader(bytes.NewReader(body)).ReadString('\n')
	_, _ = fmt.Sscanf(line, "goroutine profile: total %d", &n)
	return n
}

// descriptors is how many files and connections the host and its plugins have
// open.
func (m *member) descriptors() (n int) {
	for _, p := range live.SessionOf(m.host.PID()) {
		open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
		n += len(open)
	}
	return n
}
