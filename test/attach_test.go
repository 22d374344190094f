//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/interpreter"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// byHand is a plugin that is started as a person does it, and waits for a host.
type byHand struct {
	t       testing.TB
	socket  string
	command []string
	logPath string
	cmd     *exec.Cmd
}

// byHandAt prepares a plugin that is to listen in the node's folder.
func (n *node) byHandAt(name string, command ...string) *byHand {
	socket := filepath.Join(filepath.Dir(n.config), "attach", name+".sock")
	return &byHand{t: n.t, socket: socket, command: append(command, "attach", socket), logPath: n.logPath + "-" + name}
}

func (p *byHand) address() string { return "unix://" + p.socket }

// start starts it and waits until it says where it listens.
func (p *byHand) start() {
	p.t.Helper()
	log := live.OpenLog(p.t, p.logPath)
	defer log.Close()
	p.cmd = exec.Command(p.command[0], p.command[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	cmd := p.cmd
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if p.t.Failed() {
			p.t.Logf("%s wrote:\n%s", p.socket, p.log())
		}
	})
	eventually(p.t, "the plugin says how a host attaches to it", func() bool {
		return strings.Contains(p.log(), "address: "+p.address()+"\n")
	})
}

func (p *byHand) log() string {
	raw, err := os.ReadFile(p.logPath)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func (p *byHand) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
	if err := os.Remove(p.logPath); err != nil {
		p.t.Fatal(err)
	}
}

func (p *byHand) running() bool { return syscall.Kill(p.cmd.Process.Pid, 0) == nil }

// attachedTo makes a node whose state machine is started by hand.
func attachedTo(t testing.TB) (*node, *byHand) {
	n := newSingle(t)
	p := n.byHandAt("counter", counterProgram(t))
	n.rewrite("    name: kv", "    address: "+p.address())
	return n, p
}

// add adds 1 to the counter and checks its value.
func (n *node) add(want int) {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	r, err := c.Propose(context.Background(), []byte("1"))
	if got := string(r.Data); err != nil || got != strconv.Itoa(want) {
		n.t.Fatalf("the counter is %q, want %d; error %v", got, want, err)
	}
}

// awaitAttached waits until the process of p serves the node.
func (n *node) awaitAttached(p *byHand) {
	n.t.Helper()
	n.await("to have attached", func() bool {
		st := n.plugin("statemachine")
		return st.GetState() == "ready" && st.GetAttached() && int(st.GetPid()) == p.cmd.Process.Pid
	})
}

// A host waits for a plugin that is started elsewhere, goes on when another process takes its
// place, and leaves it running when it ends itself, for the next host.
func TestAHostAttachesToAPluginThatWasStartedElsewhere(t *testing.T) {
	t.Parallel()
	n, p := attachedTo(t)
	n.start()
	n.await("to say that it waits", func() bool {
		return strings.Contains(n.host.Log(), "waiting for a plugin that is to be started elsewhere")
	})
	p.start()
	n.awaitReady()
	n.awaitAttached(p)
	if log := n.host.Log(); !strings.Contains(log, "no sha256 says which program it is") {
		t.Errorf("the log does not warn that nothing was checked:\n%s", log)
	}
	n.add(1)

	host := n.host.PID()
	p.kill()
	n.await("to miss its plugin", func() bool { return n.plugin("statemachine").GetState() == "backoff" })
	p.start()
	n.awaitAttached(p)
	n.add(2)
	if n.host.PID() != host || !n.host.Running() {
		t.Error("the host ended with the plugin")
	}

	n.kill()
	n.startReady()
	n.awaitAttached(p)
	n.add(3)

	n.stop() // in good order, and nothing is left of the host
	if !p.running() {
		t.Fatalf("the plugin ended with its host:\n%s", p.log())
	}
	n.startReady()
	n.awaitAttached(p)
	n.add(4)
}

// A plugin that a debugger holds up is neither ended nor left.
func TestAnAttachedPluginMayBeHeldUp(t *testing.T) {
	t.Parallel()
	n, p := attachedTo(t)
	p.start()
	n.startReady()
	n.add(1)
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	n.await("to notice that nothing answers", func() bool {
		return strings.Contains(n.host.Log(), "it is attached, and a debugger may have stopped it")
	})
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	n.add(2)
	if st := n.plugin("statemachine"); st.GetRestarts() != 0 || st.GetState() != "ready" {
		t.Errorf("the host left its plugin: %v", st)
	}
}

// A plugin serves one host at a time. The next one waits, and sees nothing of the state
// of the one before.
func TestAPluginServesOneHostAtATime(t *testing.T) {
	t.Parallel()
	first, p := attachedTo(t)
	p.start()
	first.startReady()
	first.add(1)
	second := newSingle(t)
	second.rewrite("    name: kv", "    address: "+p.address())
	second.start()
	second.await("to be refused", func() bool {
		return strings.Contains(second.host.Log(), "another host is attached to it")
	})
	first.add(2)
	first.kill()
	second.awaitReady()
	second.add(1)
}

// All kinds can be started elsewhere. The shipped ones are in the host's executable.
func TestAllPluginsMayBeStartedElsewhere(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	var plugins []*byHand
	for kind, name := range map[string]string{"transport": "http", "storage": "wal", "statemachine": "kv"} {
		p := n.byHandAt(name, n.program.Path(t), "plugin-serve", kind, name)
		p.start()
		n.rewrite("    name: "+name+"\n", fmt.Sprintf("    name: %s\n    address: %s\n", name, p.address()))
		plugins = append(plugins, p)
	}
	for range 2 {
		n.startReady()
		if children := live.ChildrenOf(n.host.PID()); len(children) > 0 {
			t.Errorf("the host has started %v", children)
		}
		c := n.dial()
		r, err := c.Propose(context.Background(), kv.EncodePut([]byte("k"), []byte("v")))
		if err != nil || r.Error != "" {
			t.Errorf("put: %q, %v", r.Error, err)
		}
		c.Close()
		n.stop()
	}
	for _, p := range plugins {
		if !p.running() {
			t.Errorf("%s has ended:\n%s", p.socket, p.log())
		}
	}
}

// outlived has a node attach to a plugin for its first life, and for those after a kill and
// after a stop: each finds the state of the log.
func (n *node) outlived(p *byHand) {
	n.t.Helper()
	n.rewrite("    name: kv", "    address: "+p.address())
	p.start()
	n.startReady()
	n.awaitAttached(p)
	n.add(1)
	n.kill()
	n.startReady()
	n.add(2)
	n.stop()
	n.startReady()
	n.awaitAttached(p)
	n.add(3)
}

// A machine in Python is an object, of which each host gets a copy: one that is attached anew
// is given its log from the beginning.
func TestAHostAttachesToAPluginInPython(t *testing.T) {
	t.Parallel()
	python := interpreter.Python(t)
	script := filepath.Join(t.TempDir(), "sum.py")
	if err := os.WriteFile(script, []byte(pythonSum), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newSingle(t)
	p := n.byHandAt("sum", python, pythonProgram(t, script))
	n.outlived(p)
}

// A machine in Node is made by a function, for each host anew.
func TestAHostAttachesToAPluginInNode(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "sum.js")
	if err := os.WriteFile(script, []byte(nodeSum), 0o600); err != nil {
		t.Fatal(err)
	}
	n := newSingle(t)
	p := n.byHandAt("sum", nodeProgram(t, script))
	n.outlived(p)
}

const nodeSum = `
const pontoon = require('./pontoon/index.js')

class Sum {
  total = 0

  apply (batch) {
    return batch.entries.map(e => String(this.total += Number(e.data.toString())))
  }

  query () { return String(this.total) }

  save () { return [String(this.total)] }

  async restore (index, chunks) {
    let text = ''
    for await (const chunk of chunks) text += chunk
    this.total = Number(text)
  }
}

pontoon.serve(() => new Sum(), { name: 'sum', version: '1.0.0' })
`

const pythonSum = `
import pontoon

class Sum:
    total = 0

    def apply(self, batch):
        return [self.add(entry.data) for entry in batch.entries]

    def add(self, command):
        self.total += int(command)
        return b"%d" % self.total

    def query(self, data):
        return b"%d" % self.total

    def save(self):
        return [b"%d" % self.total]

    def restore(self, index, chunks):
        self.total = int(b"".join(chunks))

pontoon.serve(Sum(), name="sum", version="1.0.0")
`

// A storage that was held up for longer than the host waits for an append serves again as
// soon as it goes on.
func TestAnAttachedStorageThatWasHeldUpServesAgain(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	p := n.byHandAt("wal", n.program.Path(t), "plugin-serve", "storage", "wal")
	p.start()
	n.rewrite("    name: wal\n", fmt.Sprintf("    name: wal\n    address: %s\n", p.address()))
	n.startReady()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c := n.dial()
	defer c.Close()
	ctx, cancel := context.WithCancel(context.Background())
	proposed := make(chan error, 1)
	go func() {
		_, err := c.Propose(ctx, kv.EncodePut([]byte("k"), []byte("v")))
		proposed <- err
	}()
	n.await("to give its storage up", func() bool { return strings.Contains(n.host.Log(), "storage failed") })
	cancel()
	<-proposed
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	n.awaitReady()
	if r, err := c.Propose(context.Background(), kv.EncodePut([]byte("k"), []byte("w"))); err != nil || r.Error != "" {
		t.Errorf("put: %q, %v", r.Error, err)
	}
	if n := strings.Count(p.log(), "a host has attached"); n != 2 {
		t.Errorf("the host has attached %d times, want twice:\n%s", n, p.log())
	}
	n.stop()
}

// A host whose plugin is held up ends all the same, and leaves the plugin as it is.
func TestAHostEndsThoughItsPluginIsHeldUp(t *testing.T) {
	t.Parallel()
	n, p := attachedTo(t)
	p.start()
	n.startReady()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	n.host.Signal(t, syscall.SIGTERM)
	if code := n.host.ExitsWithin(t, 2*stopTime); code != 1 || !strings.Contains(n.host.Log(), "stop was forced: statemachine(counter)") {
		t.Errorf("exit code %d\n%s", code, n.host.LastLines(30))
	}
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	n.startReady()
	n.awaitAttached(p)
	n.add(1)
	n.stop()
}

// A plugin that is held up before it has answered is attached to as soon as it goes on, and
// tells the tries that came to nothing in few lines.
func TestAPluginThatWasHeldUpBeforeItAnsweredIsAttachedTo(t *testing.T) {
	t.Parallel()
	n, p := attachedTo(t)
	p.start()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.await("to wait for an answer", func() bool {
		return strings.Contains(n.host.Log(), "within the start timeout")
	})
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	n.awaitReady()
	n.add(1)
	if lines := strings.Count(n.host.Log(), "waiting for a plugin"); lines > 3 {
		t.Errorf("the log says %d times that it waits:\n%s", lines, n.host.LastLines(30))
	}
	n.stop()
}
