//go:build linux

package linearizability

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// A member is a host that runs, or is to be started again. Others reach it at peer,
// which leads to where it listens.
type member struct {
	t                           testing.TB
	id                          uint64
	name, dir                   string
	client, listen, peer, admin string
	disk                        switches
	host                        *live.Host
	runs                        []string // the transports of its configuration, the preferred one first
	// down says that the host is not meant to run, or is to end.
	down bool
}

func (m *member) configFile() string { return filepath.Join(m.dir, "host.yaml") }
func (m *member) data() string       { return filepath.Join(m.dir, "data") }
func (m *member) sockets() string    { return filepath.Join(m.dir, "run") }

// write writes the configuration for the next start, with these transports in it.
func (m *member) write(config string, transports []string) {
	m.t.Helper()
	m.runs = transports
	if err := os.WriteFile(m.configFile(), []byte(config), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// start starts the host and does not wait for it.
func (m *member) start() {
	m.t.Helper()
	m.host = live.StartHost(m.t, host.Path(m.t), filepath.Join(m.dir, "log"), "--config", m.configFile())
	m.down = false
}

// kill is kill -9.
func (m *member) kill() {
	m.t.Helper()
	m.down = true
	m.host.Kill(m.t)
}

// answerTime bounds one question to a member, which may stand still.
const answerTime = 300 * time.Millisecond

func (m *member) get(address, path string) (code int, body []byte) {
	web := http.Client{Timeout: answerTime, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := web.Get("http://" + address + path)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, body
}

// ready reports whether the member serves.
func (m *member) ready() bool {
	code, _ := m.get(m.admin, "/readyz")
	return code == http.StatusOK
}

// status is what the host says of itself, nil if it does not answer.
func (m *member) status() *hostv1.StatusResponse {
	code, body := m.get(m.client, "/v1/status")
	var st hostv1.StatusResponse
	if code != http.StatusOK || protojson.Unmarshal(body, &st) != nil {
		return nil
	}
	return &st
}

// up reports whether the host and all its plugins are there to work, whether or not
// there is a leader.
func (m *member) up() bool {
	if !m.host.Running() {
		return false
	}
	plugins := m.status().GetPlugins()
	return len(plugins) == len(pluginKinds)-1+len(m.runs) && !slices.ContainsFunc(plugins, func(p *hostv1.PluginStatus) bool {
		return p.GetState() != "ready"
	})
}

// plugin is the process of the plugin of a kind, the first of two; 0 if there is none.
func (m *member) plugin(kind string) int {
	for _, p := range m.status().GetPlugins() {
		if p.GetKind() == kind && p.GetState() == "ready" {
			return int(p.GetPid())
		}
	}
	return 0
}

// signal sends a signal to a process of the member, and reports whether it is still
// one.
func (m *member) signal(pid int, sig syscall.Signal) bool {
	return m.has(pid) && syscall.Kill(pid, sig) == nil
}

// has reports whether a process is one of the member's, and runs.
func (m *member) has(pid int) bool {
	return slices.ContainsFunc(m.host.Left(), func(p live.Process) bool { return p.PID == pid })
}

// stands reports whether a process is stopped by a signal.
func stands(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	nameEnd := bytes.LastIndexByte(stat, ')')
	return err == nil && bytes.HasPrefix(stat[nameEnd+1:], []byte(" T"))
}

// urls are where other members reach it by these transports.
func (m *member) urls(transports ...string) (list []string) {
	for _, scheme := range transports { // which is called as the transport
		list = append(list, scheme+"://"+m.peer)
	}
	return list
}

func (m *member) hexID() string { return fmt.Sprintf("%x", m.id) }
