//go:build linux

package catalog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// tinyPlugin is an executable of a few bytes that becomes the fake plugin, so
// that hashing it a hundred times costs nothing. It also proves that scripts
// are executed through the descriptor that was hashed.
func tinyPlugin(t *testing.T, mode string) catalog.Spec {
	t.Helper()
	script := "#!/bin/sh\nexec '" + ownPath(t) + "' fake-plugin '" + mode + "'\n"
	path := writeFile(t, "plugin.sh", script, 0o755)
	return catalog.Spec{Kind: plugins.StateMachine, Command: []string{path}, SHA256: sumOf(t, path), StartTimeout: patience, Env: quickExit()}
}

func TestAPluginWithAChecksumCanBeRestartedAHundredTimes(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, tinyPlugin(t, "echo"))
	for round := range rounds {
		in := mustStart(t, slot)
		in.Ready()
		if round%2 == 0 {
			in.Kill()
		} else if err := in.Stop(t.Context()); err != nil {
			t.Fatalf("round %d: stop: %v", round, err)
		}
		await(t, "done", in.Done())
	}
	if got := slot.Status().Restarts; got != rounds-1 {
		t.Errorf("%d restarts", got)
	}
}

func TestAFileReplacedAfterItsCheckIsNotStarted(t *testing.T) {
	c := newCatalog(t, nil)
	spec := tinyPlugin(t, "echo")
	slot := mustSlot(t, c, spec)
	in := mustStart(t, slot)
	if err := in.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	marker := filepath.Join(t.TempDir(), "marker")
	other := writeFile(t, "other", "#!/bin/sh\n: > '"+marker+"'\n", 0o755)
	if err := os.Rename(other, spec.Command[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := slot.Start(t.Context()); !errors.Is(err, catalog.ErrPermanent) || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("start of the other file: %v", err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("the other file was executed")
	}
}

func TestACrashLoopEndsWithTheLastWordsOfThePlugin(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.CrashLoop = catalog.CrashLoop{Exits: 3} })
	slot := mustSlot(t, c, fakePlugin(t, "logs"))
	for range 4 {
		in := mustStart(t, slot)
		in.Ready()
		if err := syscall.Kill(in.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, "done", in.Done())
	}
	_, err := slot.Start(t.Context())
	if !errors.Is(err, catalog.ErrCrashLoop) || errors.Is(err, catalog.ErrPermanent) {
		t.Fatalf("start after 4 crashes: %v", err)
	}
	for _, words := range []string{"4 times in a row", "signal 9", "from hclog"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("error does not say %q: %v", words, err)
		}
	}
	if got := slot.Status(); got.State != catalog.Failed {
		t.Errorf("status: %+v", got)
	}
}

func TestAStopIsNoCrash(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) {
		o.CrashLoop = catalog.CrashLoop{Exits: 1}
		o.Backoff = catalog.Backoff{Min: time.Hour, Max: time.Hour}
	})
	slot := mustSlot(t, c, shipped())
	for range 3 {
		if err := mustStart(t, slot).Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheBackoffAfterACrashCanBeGivenUp(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.Backoff = catalog.Backoff{Min: time.Hour, Max: time.Hour} })
	slot := mustSlot(t, c, shipped())
	in := mustStart(t, slot)
	in.Kill()
	await(t, "done", in.Done())

	ctx, cancel := context.WithCancelCause(t.Context())
	result := make(chan error)
	go func() {
		_, err := slot.Start(ctx)
		result <- err
	}()
	gaveUp := errors.New("the host changed its mind")
	cancel(gaveUp)
	if err := <-result; !errors.Is(err, gaveUp) {
		t.Errorf("start: %v", err)
	}

	go func() {
		_, err := slot.Start(t.Context())
		result <- err
	}()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-result; !errors.Is(err, catalog.ErrClosed) {
		t.Errorf("start while closing: %v", err)
	}
}

func TestAStartThatIsGivenUpLeavesNothing(t *testing.T) {
	c := newCatalog(t, nil)
	slot := mustSlot(t, c, fakePlugin(t, "silent"))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := slot.Start(ctx)
		result <- err
	}()
	eventually(t, "a process runs", func() bool { return len(children(t)) == 1 })
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v", err)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if got := slot.Status(); got.State != catalog.Stopped || got.LastError != "" {
		t.Errorf("status: %+v", got)
	}
}

func TestDeletedSocketsHurtNeitherTheRunningPluginNorTheNextOne(t *testing.T) {
	var dir string
	c := newCatalog(t, func(o *catalog.Options) { dir = o.RuntimeDir })
	slot := mustSlot(t, c, shipped())
	in := mustStart(t, slot)
	for _, entry := range entries(t, dir) {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := in.Metrics(t.Context()); err != nil {
		t.Errorf("metrics after its socket was deleted: %v", err)
	}
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	mustStart(t, slot)
}

// A plugin that has served before may fail to come up by accident, unless it
// says with its exit code that its configuration is wrong.
func TestAnExitOfAPluginThatHasServedIsPermanentOnlyByItsCode(t *testing.T) {
	for code, permanent := range map[string]bool{"1": false, "63": false, "64": true, "78": true, "79": false} {
		t.Run(code, func(t *testing.T) {
			marker := filepath.Join(t.TempDir(), "broken")
			text := "#!/bin/sh\n[ -e '" + marker + "' ] && exit " + code + "\nexec '" + ownPath(t) + "' fake-plugin echo\n"
			path := writeFile(t, "plugin.sh", text, 0o755)
			c := newCatalog(t, nil)
			slot := mustSlot(t, c, catalog.Spec{
				Kind: plugins.StateMachine, Command: []string{path}, SHA256: sumOf(t, path), StartTimeout: patience, Env: quickExit(),
			})
			in := mustStart(t, slot)
			in.Ready()
			if err := in.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(marker, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := slot.Start(t.Context()); errors.Is(err, catalog.ErrPermanent) != permanent || !strings.Contains(err.Error(), "exited with code "+code) {
				t.Errorf("start: %v", err)
			}
		})
	}
}
