//go:build linux

package catalog_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/frames"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

func quickProbes(o *catalog.Options) {
	o.ProbeInterval, o.ProbeTimeout = 20*time.Millisecond, 200*time.Millisecond
}

// withQuickProbes is a catalog with quickProbes, and what it logs.
func withQuickProbes(t *testing.T) (*catalog.Catalog, *logRecorder) {
	t.Helper()
	log := newLogRecorder()
	c := newCatalog(t, func(o *catalog.Options) {
		quickProbes(o)
		o.Logger = log.logger()
	})
	return c, log
}

// A plugin that does not return from being told who leads answers no probe. That it is
// hung, and over what, is in its end.
// Rules P-16 and P-19.
func TestAPluginThatBlocksInANoticeIsHung(t *testing.T) {
	c := newCatalog(t, quickProbes)
	in := mustStart(t, mustSlot(t, c, fakePlugin(t, "blocks-leadership")))
	told := make(chan error, 1)
	go func() { told <- in.SetLeadership(t.Context(), plugins.Leadership{Term: 7, Leads: true}) }()
	await(t, "declared hung", in.Done())
	if err := in.Err(); err == nil || !strings.Contains(err.Error(), "probes of 200ms each, after it was asked to take who leads") {
		t.Errorf("it ended with %v", err)
	}
	if err := <-told; err == nil {
		t.Error("it has taken the notice")
	}
}

// Rule P-16.
func TestASuspendedPluginIsDeclaredHungAndReplaced(t *testing.T) {
	c := newCatalog(t, quickProbes)
	slot := mustSlot(t, c, shipped())
	in := mustStart(t, slot)
	in.Ready()
	pid := in.PID()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, "declared hung", in.Done())
	var exit *catalog.ExitError
	if !errors.As(in.Err(), &exit) || !exit.FromOutside() {
		t.Errorf("what was suspended from outside ended with %v", in.Err())
	}
	if err := in.Err(); err == nil || !strings.Contains(err.Error(), "did not answer 3 probes") {
		t.Errorf("err: %v", err)
	}
	// Start waits until the suspended process is gone: it may hold a lock.
	again := mustStart(t, slot)
	if alive(pid) {
		t.Error("the hung process still runs beside the new one")
	}
	if err := again.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// A plugin that runs on without a connection to its host is as good as dead: it is
// ended and replaced.
func TestAPluginThatRunsOnWithoutAConnectionIsReplaced(t *testing.T) {
	slot := mustSlot(t, newCatalog(t, nil), fakePlugin(t, "hangs-up"))
	in := mustStart(t, slot)
	in.Ready()
	pid := in.PID()
	if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of a plugin that hung up", in.Done())
	contains(t, "its end", in.Err(), "ended its session")
	if again := mustStart(t, slot); again.PID() == pid || alive(pid) {
		t.Errorf("process %d runs on beside process %d", pid, again.PID())
	}
}

// Streams of a plugin that hangs end when it is declared hung, whether they are
// gRPC's or go by frames: a caller that waits for an answer must not wait for
// ever.
func TestTheStreamsOfAHungPluginEnd(t *testing.T) {
	for name, spec := range map[string]catalog.Spec{"frames": shipped(), "grpc": fakePlugin(t, "echo")} {
		t.Run(name, func(t *testing.T) {
			in := mustStart(t, mustSlot(t, newCatalog(t, quickProbes), spec))
			if has := in.Info().Has(frames.Capability); has != (name == "frames") {
				t.Fatalf("capability for frames: %t", has)
			}
			sm := in.StateMachine()
			if _, err := sm.Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1}); err != nil {
				t.Fatal(err)
			}
			a, err := statemachine.OpenApplier(t.Context(), sm)
			if err != nil {
				t.Fatal(err)
			}
			submit := func(index uint64) error {
				return a.Submit(statemachine.Batch{Through: index, Entries: []statemachine.Entry{{Index: index, Data: []byte("x")}}}, false)
			}
			if err := submit(8); err != nil {
				t.Fatal(err)
			}
			if out, err := a.Recv(); err != nil || string(out.Results[0].Data) != "x" {
				t.Fatalf("apply: %v, %v", out, err)
			}
			if err := syscall.Kill(in.PID(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			// The signal is not there at once: the plugin may answer some more.
			for index, err := uint64(9), error(nil); err == nil; index++ {
				if err = submit(index); err == nil {
					_, err = a.Recv()
				}
				if err != nil && !errors.Is(err, plugins.ErrGone) {
					t.Errorf("apply of a hung plugin: %v", err)
				}
			}
			await(t, "declared hung", in.Done())
		})
	}
}

// A call to a plugin that is declared hung fails then, and not only when the process is
// gone, which has a second for its stacks before.
func TestACallOfAHungPluginDoesNotWaitForItsEnd(t *testing.T) {
	for range 5 { // a busy machine may take the second for itself
		in := mustStart(t, mustSlot(t, newCatalog(t, quickProbes), fakePlugin(t, "deaf-and-stuck")))
		_, err := in.StateMachine().Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1})
		lives := alive(in.PID())
		if !errors.Is(err, plugins.ErrGone) {
			t.Fatalf("the call: %v", err)
		}
		if lives {
			return
		}
	}
	t.Error("the call has waited for the end of the process")
}

// A plugin whose socket's file was removed serves on over the connection that
// it has, streams too, and the log says why once.
func TestAPluginWhoseSocketWasRemovedServesOn(t *testing.T) {
	log, dir := newLogRecorder(), ""
	c := newCatalog(t, func(o *catalog.Options) {
		o.Logger = log.logger()
		dir = o.RuntimeDir
	})
	in := mustStart(t, mustSlot(t, c, shipped()))
	sm := in.StateMachine()
	if _, err := sm.Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1}); err != nil {
		t.Fatal(err)
	}
	removed := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type()&fs.ModeSocket != 0 {
			removed++
			err = os.Remove(path)
		}
		return err
	})
	if err != nil || removed == 0 {
		t.Fatalf("%d sockets removed: %v", removed, err)
	}
	for index := range uint64(2) {
		a, err := statemachine.OpenApplier(t.Context(), sm)
		if err != nil {
			t.Fatal(err)
		}
		b := statemachine.Batch{Through: 8 + index, Entries: []statemachine.Entry{{Index: 8 + index, Data: []byte("x")}}}
		if err := a.Submit(b, false); err != nil {
			t.Fatal(err)
		}
		if out, err := a.Recv(); err != nil || string(out.Results[0].Data) != "x" {
			t.Fatalf("apply: %v, %v", out, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	said := 0
	for _, r := range log.all() {
		if strings.Contains(r.message, "socket cannot be reached") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("it was said %d times", said)
	}
}

func TestTheStacksOfADeafPluginGoToTheLog(t *testing.T) {
	c, log := withQuickProbes(t)
	in := mustStart(t, mustSlot(t, c, fakePlugin(t, "deaf")))
	await(t, "declared hung", in.Done())
	eventually(t, "the dump is logged", func() bool {
		for _, r := range log.all() {
			if strings.Contains(r.message, "catalog_test.deadlocked") && r.level == slog.LevelError {
				return true
			}
		}
		return false
	})
}

func TestLinesKeepTheirLevelAndTellTheirOrigin(t *testing.T) {
	log := newLogRecorder()
	c := newCatalog(t, func(o *catalog.Options) { o.Logger = log.logger() })
	in := mustStart(t, mustSlot(t, c, fakePlugin(t, "logs")))
	for message, level := range map[string]slog.Level{
		"from hclog": slog.LevelWarn, "from slog": slog.LevelError, "with a prefix": slog.LevelDebug, "plain words": slog.LevelInfo,
	} {
		var got logRecord
		eventually(t, message+" is logged", func() (ok bool) { got, ok = log.find(message); return ok })
		if got.level != level || got.attrs["kind"] != "statemachine" || got.number("pid") != in.PID() || got.attrs["plugin"] == "" {
			t.Errorf("%s: %+v, pid %d", message, got, in.PID())
		}
	}
	if got, _ := log.find("from hclog"); got.attrs["size"] != "3" || got.attrs["plugin_pid"] != "1" {
		t.Errorf("attributes of hclog's line: %+v", got)
	}
	eventually(t, "the long line is logged, cut", func() bool {
		for _, r := range log.all() {
			if strings.HasPrefix(r.message, "yyy") {
				return len(r.message) == 16<<10 && r.number("bytes_cut") == 1<<20-16<<10
			}
		}
		return false
	})
}

func TestAFloodOnStandardErrorNeitherStallsNorFillsTheLog(t *testing.T) {
	log := newLogRecorder()
	c := newCatalog(t, func(o *catalog.Options) { o.Logger = log.logger() })
	in := mustStart(t, mustSlot(t, c, fakePlugin(t, "floods")))
	eventually(t, "dropped lines are counted", func() bool {
		_, ok := log.find("plugin writes too much: log lines were dropped")
		return ok
	})
	if _, err := in.Metrics(t.Context()); err != nil {
		t.Errorf("metrics during the flood: %v", err)
	}
	in.Kill()
	await(t, "done", in.Done())
	if err := in.Err(); err == nil || len(err.Error()) > 8<<10 {
		t.Errorf("err: %v", err)
	}
}
