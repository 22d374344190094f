//go:build unix

package sdk

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
)

// handStarted is a plugin process that waits for hosts.
type handStarted struct {
	cmd    *exec.Cmd
	socket string
	stderr *safeBuffer
}

// startByHand starts the plugin sum with a socket at path.
func startByHand(t *testing.T, path string) *handStarted {
	t.Helper()
	p := &handStarted{socket: path, stderr: new(safeBuffer)}
	p.cmd = exec.Command(os.Args[0], BuiltinCommand, "statemachine", "sum", AttachCommand, path)
	p.cmd.Stderr = p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

func privateSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "at")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "new", "s")
}

// attach connects with a greeting, and returns the answer.
func (p *handStarted) attach(t *testing.T, greeting string) (net.Conn, string) {
	t.Helper()
	p.stderr.waitFor(t, "address: unix://"+p.socket+"\n")
	conn, err := net.Dial("unix", p.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, greeting); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatalf("%v\n%s", err, p.stderr)
	}
	return conn, line
}

func greeting(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := pluginrpc.WriteAttachGreeting(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// machineAt opens the state machine at the socket of a handshake line.
func machineAt(t *testing.T, line string) (*grpc.ClientConn, *statemachinerpc.Client) {
	t.Helper()
	opts, err := pluginrpc.DialOptions(plugins.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	opts = append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("unix://"+strings.Split(line, "|")[3], opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	info, err := pluginrpc.Describe(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	c := statemachinerpc.NewClient(conn, info)
	if _, err := c.Open(t.Context(), plugins.Options{Group: 1, Incarnation: 1}); err != nil {
		t.Fatal(err)
	}
	return conn, c
}

// Rules P-49, P-50 and P-51.
func TestEachHostThatAttachesHasABackendOfItsOwn(t *testing.T) {
	p := startByHand(t, privateSocket(t))
	first, line := p.attach(t, greeting(t))
	_, c := machineAt(t, line)
	if _, err := c.Apply(t.Context(), statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: []byte{5}}}, Through: 1}); err != nil {
		t.Fatal(err)
	}
	if _, refused := p.attach(t, greeting(t)); !strings.HasPrefix(refused, pluginrpc.AttachRefusal+"another host is attached") {
		t.Errorf("the second host at a time was answered with %q", refused)
	}
	for range 3 { // it asks again and again
		p.attach(t, greeting(t))
	}
	if err := first.Close(); err != nil { // as the end of a host does
		t.Fatal(err)
	}
	p.stderr.waitFor(t, "the host has gone")
	if n := strings.Count(p.stderr.String(), "a host was refused"); n != 1 {
		t.Errorf("the log says %d times that a host was refused:\n%s", n, p.stderr)
	}
	second, line := p.attach(t, greeting(t))
	for strings.HasPrefix(line, pluginrpc.AttachRefusal) { // the backend of the first is being closed
		second, line = p.attach(t, greeting(t))
	}
	_, next := machineAt(t, line)
	if sum, err := next.Query(t.Context(), nil); err != nil || sum[0] != 0 {
		t.Errorf("the second host found the state %v of the first, %v", sum, err)
	}
	if _, err := c.Query(t.Context(), nil); err == nil {
		t.Error("the first host is still answered")
	}
	_ = second.Close()
}

func TestWhoAttachesMustBeAHost(t *testing.T) {
	p := startByHand(t, privateSocket(t))
	for _, c := range []struct{ greeting, says string }{
		{"GET / HTTP/1.1\n\n", "not a Pontoon host"},
		{strings.Repeat("x", 5000), "not a Pontoon host"},
		{pluginrpc.CookieKey + "=" + pluginrpc.CookieValue + "\nPLUGIN_PROTOCOL_VERSIONS=7,8\n\n", `version "7,8", this plugin speaks version 1`},
	} {
		if _, line := p.attach(t, c.greeting); !strings.HasPrefix(line, pluginrpc.AttachRefusal) || !strings.Contains(line, c.says) {
			t.Errorf("%.20q was answered with %q", c.greeting, line)
		}
	}
	if _, line := p.attach(t, greeting(t)); !strings.HasPrefix(line, "1|1|unix|") {
		t.Errorf("a host was answered with %q", line)
	}
}

// Rule P-48.
func TestASocketIsForOnePluginAndOneUser(t *testing.T) {
	p := startByHand(t, privateSocket(t))
	p.attach(t, greeting(t))
	second := startByHand(t, p.socket)
	second.stderr.waitFor(t, "a plugin listens on "+p.socket+" already")

	// The socket of a plugin that was killed is not in the way.
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	third := startByHand(t, p.socket)
	if _, line := third.attach(t, greeting(t)); !strings.HasPrefix(line, "1|1|unix|") {
		t.Errorf("answered with %q", line)
	}

	dir := filepath.Dir(privateSocket(t))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	open := startByHand(t, filepath.Join(dir, "s"))
	open.stderr.waitFor(t, "must belong to this user alone")
}

// A person ends it as any program. Nothing of it stays in the way.
func TestAnInterruptEndsWhatWasStartedByHand(t *testing.T) {
	p := startByHand(t, privateSocket(t))
	p.attach(t, greeting(t))
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.stderr)
	}
	if _, err := os.Lstat(p.socket); err == nil {
		t.Error("the socket is still there")
	}
}
