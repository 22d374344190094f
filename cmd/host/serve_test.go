package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A reader of the log that has gone away takes neither the host with it, nor its
// exit code: a supervisor decides by that whether to start it again. Commands
// that print something end by the signal as any program does.
func TestExitCodeWithoutAReaderOfTheLog(t *testing.T) {
	program := buildHost(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "n1.yaml")
	text := `
node: {id: 1, data_dir: ` + filepath.Join(dir, "data") + `}
cluster:
  id: a1
  state: new
  members:
    - {id: 1, name: n1, peer_urls: ["http://127.0.0.1:1"], client_address: "192.0.2.1:7401"}
api: {listen: "192.0.2.1:7401", insecure: true} # an address of nobody
plugins:
  transport: {name: http, listen: "127.0.0.1:0"}
  storage: {name: wal}
  statemachine: {name: kv}
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"a host that cannot start":      {[]string{"serve", "--config", config}, exitFailed},
		"a mistake on the command line": {[]string{"serve", "--no-such-flag"}, exitUsage},
		"no configuration":              {[]string{"serve", "--config", filepath.Join(dir, "none")}, exitUsage},
	} {
		if got := endOf(t, program, true, c.args...); got.ExitStatus() != c.code {
			t.Errorf("%s: exit code %d while somebody reads the log, want %d", name, got.ExitStatus(), c.code)
		}
		if got := endOf(t, program, false, c.args...); got.ExitStatus() != c.code {
			t.Errorf("%s: exit code %d (%v) when nobody reads the log, want %d", name, got.ExitStatus(), got, c.code)
		}
	}
	if got := endOf(t, program, false, "version"); got.Signal() != syscall.SIGPIPE {
		t.Errorf("a command without a reader ends with %v, want %v", got, syscall.SIGPIPE)
	}
}

// endOf runs a command whose output and log are read, or are not, and says how
// it ended.
func endOf(t *testing.T, program string, read bool, args ...string) syscall.WaitStatus {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = w, w
	if !read {
		r.Close()
	}
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if read {
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}
