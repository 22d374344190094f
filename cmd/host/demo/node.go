package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// node is one member: a host process, started again and again on the same
// configuration.
type node struct {
	id, name            string
	client, peer, admin string
	configPath, logPath string
	executable          string
	cmd                 *exec.Cmd
	lifeline            io.Closer
	// exited is closed when the process has been reaped; err is valid then.
	exited chan struct{}
	err    error
}

// start starts the host process. It ends by itself when this process does,
// however that happens: the pipe on its standard input then closes.
func (n *node) start() error {
	log, err := os.OpenFile(n.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(n.executable, "serve", "--config", n.configPath, "--stop-on-stdin-eof")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment(os.Environ())
	cmd.Dir = filepath.Dir(n.configPath)
	cmd.SysProcAttr = ownGroup()
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.cmd, n.lifeline, n.exited = cmd, lifeline, make(chan struct{})
	go func() {
		n.err = cmd.Wait()
		close(n.exited)
	}()
	return nil
}

// environment leaves out what would change the nodes' configurations.
func environment(environ []string) []string {
	var kept []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "PONTOON_") {
			kept = append(kept, v)
		}
	}
	return kept
}

func (n *node) pid() int { return n.cmd.Process.Pid }

// running reports whether the process is there.
func (n *node) running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// kill is kill -9, and waits until the process is gone.
func (n *node) kill() error {
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", n.name, err)
	}
	<-n.exited
	n.lifeline.Close()
	return nil
}

// stop asks the process to end and waits for it, or kills it when ctx ends.
func (n *node) stop(ctx context.Context) error {
	if !n.running() {
		return nil
	}
	if err := askToStop(n.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.lifeline.Close() // as good as a signal
	}
	select {
	case <-n.exited:
		n.lifeline.Close()
		if n.err != nil {
			return fmt.Errorf("stop %s: %w; its last lines:\n%s", n.name, n.err, n.lastLines())
		}
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop %s: it did not end in time", n.name), n.kill())
	}
}

// lastLines returns the end of the node's log.
func (n *node) lastLines() string {
	data, err := os.ReadFile(n.logPath)
	if err != nil {
		return err.Error()
	}
	const most = 12
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return string(bytes.Join(lines, []byte("\n")))
}

// died is the error of a node that ended without being asked.
func (n *node) died() error {
	return fmt.Errorf("%s (pid %d) ended by itself: %v; its last lines:\n%s", n.name, n.pid(), n.err, n.lastLines())
}

// stopTimeout bounds the stop of a node.
const stopTimeout = 10 * time.Second
