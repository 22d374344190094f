//go:build unix

package plugincheck

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

const (
	// exitUsage is the exit code of a program that is used in another way than it is for.
	exitUsage = 64
	// lifelineTime is how long the end of a process may take. A host waits for 3 s before it
	// sends SIGKILL; a machine that is busy with other tests needs longer.
	lifelineTime = 10 * time.Second
	// maxLine is how long the handshake line may be.
	maxLine = 4 << 10
)

// A rawProcess is a process of the subject that is started without the care of a host.
type rawProcess struct {
	cmd    *exec.Cmd
	dir    string // of its socket
	stdin  io.Closer
	lines  chan string
	exited chan struct{}

	mu   sync.Mutex
	text bytes.Buffer // standard error
}

// Write takes what the process writes to standard error.
func (p *rawProcess) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text.Len() < maxLine {
		p.text.Write(b)
	}
	return len(b), nil
}

func (p *rawProcess) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// hosted is the environment of a plugin whose host speaks the given versions.
func hosted(versions string) []string {
	h := pluginrpc.Handshake()
	return []string{h.MagicCookieKey + "=" + h.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=" + versions}
}

// startProcess starts the subject with an environment. It is killed at the end of the test.
func startProcess(t *testing.T, s *Subject, environment []string) *rawProcess {
	t.Helper()
	dir, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(s.Command[0])
	if err != nil {
		t.Fatal(err)
	}
	if environment != nil {
		environment = append(environment, "PLUGIN_UNIX_SOCKET_DIR="+dir, "PONTOON_PLUGIN_FILE="+path)
	}
	p := &rawProcess{dir: dir, lines: make(chan string, 1), exited: make(chan struct{}), cmd: exec.Command(path, s.Command[1:]...)}
	p.cmd.Env, p.cmd.Stderr = catalog.Environment(nil, environment), p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = lifelineTime
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		p.stdin, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go p.read(stdout)
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.exited
		os.RemoveAll(dir)
	})
	return p
}

// read takes the first line and the rest of standard output, and waits for the process.
func (p *rawProcess) read(stdout io.Reader) {
	r := bufio.NewReaderSize(stdout, maxLine)
	// Of a line that is too long the beginning is what is checked.
	if line, err := r.ReadSlice('\n'); err == nil || errors.Is(err, bufio.ErrBufferFull) {
		p.lines <- string(line)
	}
	close(p.lines)
	_, _ = io.Copy(io.Discard, r)
	_ = p.cmd.Wait() // the exit code is in ProcessState
	close(p.exited)
}

// line is the first line on standard output; false if the process ended without one.
func (p *rawProcess) line(t *testing.T) (string, bool) {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		return line, ok
	case <-time.After(catalog.DefaultStartTimeout):
		t.Fatalf("rule P-5, see %s: neither a line on standard output nor the end after %v", protocolPage, catalog.DefaultStartTimeout)
		return "", false
	}
}

// checkLine checks the fields of the handshake line.
func (p *rawProcess) checkLine(t *testing.T, line, version string) {
	t.Helper()
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "|")
	if len(fields) != 6 {
		t.Fatalf("the line %q has %d fields, want 6", line, len(fields))
	}
	for i, want := range []string{0: "1", 1: version, 2: "unix", 4: "grpc", 5: ""} {
		if i != 3 && fields[i] != want {
			t.Errorf("field %d of the line is %q, want %q", i+1, fields[i], want)
		}
	}
	if socket := fields[3]; filepath.Dir(socket) != p.dir {
		t.Errorf("the socket %q is not directly in %q, the directory PLUGIN_UNIX_SOCKET_DIR", socket, p.dir)
	}
}

// dial connects to the socket that a handshake line names.
func (p *rawProcess) dial(line string) error {
	conn, err := net.Dial("unix", strings.Split(line, "|")[3])
	if err != nil {
		return err
	}
	return conn.Close()
}

func (p *rawProcess) closeStdin() { _ = p.stdin.Close() }

// endsWithin tells whether the process ends in a time.
func (p *rawProcess) endsWithin(d time.Duration) bool { return pause.Until(p.exited, d) }

// end waits for the end of the process and returns its exit code.
func (p *rawProcess) end(t *testing.T) int {
	t.Helper()
	if !p.endsWithin(catalog.DefaultStartTimeout) {
		t.Fatalf("the process does not end; standard error has %q", p.stderr())
	}
	return p.cmd.ProcessState.ExitCode()
}
