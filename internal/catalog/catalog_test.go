//go:build linux

package catalog_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// patience is how long a condition may take on a busy machine.
const patience = 30 * time.Second

// fakeBackends are those that the test binary serves.
func fakeBackends() []backend.Backend {
	return []backend.Backend{
		backend.Storage("wal", func(backend.Env) storage.Storage { return nil }),
		backend.StateMachine("echo", func(backend.Env) statemachine.StateMachine { return newEchoMachine() }),
	}
}

// newCatalog returns a catalog with a runtime directory of its own, and checks
// at the end of the test that nothing is left of it: no process, no file, no
// goroutine.
func newCatalog(t *testing.T, change func(*catalog.Options)) *catalog.Catalog {
	t.Helper()
	dir, err := os.MkdirTemp(shortdir.Parent(), "ct")
	if err != nil {
		t.Fatal(err)
	}
	options := catalog.Options{
		Logger:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		RuntimeDir: dir, Backends: fakeBackends(),
		// Generous, so that a busy machine does not make a plugin look hung.
		ProbeTimeout: 10 * time.Second,
		Backoff:      catalog.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
		CrashLoop:    catalog.CrashLoop{Exits: 1000},
	}
	if change != nil {
		change(&options)
	}
	goroutines := goleak.IgnoreCurrent()
	c, err := catalog.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if left := children(t); len(left) > 0 {
			t.Errorf("child processes left: %v", left)
		}
		if err := os.Remove(dir); err != nil {
			t.Errorf("something is left in the runtime directory: %v", err)
		}
		goleak.VerifyNone(t, goroutines)
	})
	return c
}

// fakePlugin is the spec of the test binary as a third party's plugin.
func fakePlugin(t *testing.T, mode string) catalog.Spec {
	t.Helper()
	path := ownPath(t)
	return catalog.Spec{
		Kind:    plugins.StateMachine,
		Command: []string{path, "fake-plugin", mode}, SHA256: sumOf(t, path),
		StartTimeout: patience, Env: quickExit(),
	}
}

func shipped() catalog.Spec {
	return catalog.Spec{Kind: plugins.StateMachine, Name: "echo", StartTimeout: patience, Env: quickExit()}
}

// quickExit spares a process built with the race detector its nap at the end.
func quickExit() []string { return []string{"GORACE=atexit_sleep_ms=0"} }

func ownPath(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func mustSlot(t *testing.T, c *catalog.Catalog, spec catalog.Spec) *catalog.Slot {
	t.Helper()
	slot, err := c.Slot(spec)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

func mustStart(t *testing.T, slot *catalog.Slot) *catalog.Instance {
	t.Helper()
	in, err := slot.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: still waiting after %v", what, patience)
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-ticker.C {
		if condition() {
			return
		}
	}
	t.Fatalf("%s: still not so after %v", what, patience)
}

// children lists the child processes of the test.
func children(t *testing.T) []int {
	t.Helper()
	var pids []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// processState is the letter of a process's state in proc(5), 'X' if there is
// no such process.
func processState(pid int) byte {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 'X'
	}
	return text[strings.LastIndexByte(string(text), ')')+2]
}

// alive reports whether the process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	state := processState(pid)
	return state != 'Z' && state != 'X'
}

func TestAShippedBackendServesFromAProcessOfItsOwn(t *testing.T) {
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, shipped())
	if got := slot.Status(); got.State != catalog.Stopped || got.Name != "echo" {
		t.Errorf("status before the start: %+v", got)
	}
	in := mustStart(t, slot)
	if in.PID() == 0 || in.PID() == os.Getpid() {
		t.Errorf("pid is %d", in.PID())
	}
	if info := in.Info(); info.Name != "echo" || info.Version != "1.2.3" {
		t.Errorf("info is %+v", info)
	}
	if in.Storage() != nil || in.Transport() != nil {
		t.Error("a state machine has another kind's contract")
	}
	applied, err := in.StateMachine().Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1})
	if err != nil || applied != 7 {
		t.Fatalf("open: %d, %v", applied, err)
	}
	in.Ready()
	if got := slot.Status(); got.State != catalog.Ready || got.PID != in.PID() || got.Restarts != 0 {
		t.Errorf("status when ready: %+v", got)
	}
	answer, err := in.StateMachine().Query(t.Context(), []byte("hello"))
	if err != nil || string(answer) != "hello" {
		t.Errorf("query: %q, %v", answer, err)
	}
	if text, err := in.Metrics(t.Context()); err != nil || string(text) != "fake_metric 1\n" {
		t.Errorf("metrics: %q, %v", text, err)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	await(t, "done after stop", in.Done())
	if err := in.Err(); err != nil {
		t.Errorf("err after stop: %v", err)
	}
	if got := slot.Status(); got.State != catalog.Stopped || got.PID != 0 || got.LastError != "" {
		t.Errorf("status after the stop: %+v", got)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

func TestAKilledProcessIsNoticedAndReplaced(t *testing.T) {
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, fakePlugin(t, "echo"))
	in := mustStart(t, slot)
	in.Ready()
	if _, err := slot.Start(t.Context()); !errors.Is(err, catalog.ErrRunning) {
		t.Errorf("start of a running plugin: %v", err)
	}
	if err := syscall.Kill(in.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "done after kill -9", in.Done())
	var exit *catalog.ExitError
	if err := in.Err(); !errors.As(err, &exit) || exit.Signal != syscall.SIGKILL || exit.PID != in.PID() || !errors.Is(err, plugins.ErrGone) {
		t.Errorf("err after kill -9: %#v", in.Err())
	}
	if _, err := in.StateMachine().Query(t.Context(), nil); err == nil {
		t.Error("a call to a dead plugin succeeds")
	}
	if got := slot.Status(); got.State != catalog.Waiting || got.LastError == "" {
		t.Errorf("status after the crash: %+v", got)
	}
	again := mustStart(t, slot)
	if again.PID() == in.PID() {
		t.Error("the same process again")
	}
	if got := slot.Status(); got.Restarts != 1 || got.State != catalog.Starting {
		t.Errorf("status after the restart: %+v", got)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("stop of a dead instance: %v", err)
	}
	if !alive(again.PID()) {
		t.Error("stopping the old instance hurt the new one")
	}
}

// runFakeHost is a host with plugins that prints their pids and waits.
func runFakeHost(dir string) {
	path, err := os.Executable()
	if err != nil {
		fatal(err)
	}
	c, err := catalog.New(catalog.Options{RuntimeDir: dir, Backends: fakeBackends(), Executable: path})
	if err != nil {
		fatal(err)
	}
	for range 3 {
		slot, err := c.Slot(shipped())
		if err != nil {
			fatal(err)
		}
		in, err := slot.Start(context.Background())
		if err != nil {
			fatal(err)
		}
		_, _ = os.Stdout.WriteString(strconv.Itoa(in.PID()) + "\n")
	}
	select {}
}
