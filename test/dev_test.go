//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// An author changes the executable of a plugin under host dev: the members take it one after
// the other and keep their data. One that is not a plugin is named and waited out, while the
// other members go on.
func TestDevTakesEachNewExecutable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "counter")
	replaceFile(t, path, counterProgram(t), "")
	port := portsOfDev(t)
	out := startDev(t, "--nodes", "3", "--client-port", strconv.Itoa(port), "--data-dir", t.TempDir(), "--plugin", "statemachine="+path)
	out.waitFor(t, "the cluster of 3 serves clients")
	propose := func(want string) {
		t.Helper()
		endpoints := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d", port+1, port+2)
		answer, err := exec.Command(hostProgram(t), "propose", "--endpoints", endpoints, "5").CombinedOutput()
		if err != nil || strings.TrimSpace(string(answer)) != want {
			t.Fatalf("propose: %q, %v, want %q", answer, err, want)
		}
	}
	propose("5")
	replaceFile(t, path, counterProgram(t), "a second build")
	out.waitFor(t, "all members serve with it")
	propose("10")
	replaceFile(t, path, "/bin/true", "")
	out.waitFor(t, "n1 does not serve")
	propose("15")
	replaceFile(t, path, counterProgram(t), "a third build")
	out.waitFor(t, "n3 serves with it", "n3 serves with it")
	propose("20")
}

// replaceFile puts a copy of a program in the place of a file, with something at its end
// that changes its sum.
func replaceFile(t *testing.T, path, program, end string) {
	t.Helper()
	text, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(path+".new", append(text, end...), 0o700)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// portsOfDev is a first port for clients with all others free that three members need.
func portsOfDev(t *testing.T) int {
	t.Helper()
	var ports loopback.Ports
	for range 100 {
		address, err := ports.Free()
		if err != nil {
			t.Fatal(err)
		}
		_, text, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		first, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if areFree(first) {
			return first
		}
	}
	t.Fatal("no range of free ports")
	return 0
}

func areFree(first int) bool {
	for _, port := range []int{first, first + 1, first + 2, first + 100, first + 101, first + 102, first + 200, first + 201, first + 202} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// devOutput collects the output of host dev.
type devOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *devOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// waitFor waits until texts were written, one after the other, since the beginning.
func (o *devOutput) waitFor(t *testing.T, texts ...string) {
	t.Helper()
	live.Eventually(t, strings.Join(texts, ", "), func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		rest := o.text.String()
		for _, text := range texts {
			_, after, found := strings.Cut(rest, text)
			if !found {
				return false
			}
			rest = after
		}
		return true
	})
}

// startDev runs host dev until the end of the test, and then wants it to stop well.
func startDev(t *testing.T, args ...string) *devOutput {
	t.Helper()
	out := &devOutput{}
	cmd := exec.Command(hostProgram(t), append([]string{"dev"}, args...)...)
	cmd.Stdout, cmd.Stderr = out, io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended := make(chan error, 1)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() != 130 {
				t.Errorf("host dev: %v\n%s", err, out.text.String())
			}
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			t.Errorf("host dev does not end\n%s", out.text.String())
		}
	})
	return out
}
