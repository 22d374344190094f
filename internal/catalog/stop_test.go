//go:build linux

package catalog_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// go-plugin itself gives such a plugin two seconds and then kills it; its
// lifeline is cut before that.
func TestAPluginThatKnowsOnlyItsLifelineStopsInGoodOrder(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.StopTimeout = patience })
	in := mustStart(t, mustSlot(t, c, fakePlugin(t, "no-controller")))
	if err := in.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestAPluginThatDoesNotStopIsKilled(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.StopTimeout = 50 * time.Millisecond })
	slot := mustSlot(t, c, fakePlugin(t, "stubborn"))
	in := mustStart(t, slot)
	var exit *catalog.ExitError
	if err := in.Stop(t.Context()); !errors.As(err, &exit) || exit.Signal != syscall.SIGKILL || !strings.Contains(err.Error(), "did not end within 50ms") {
		t.Errorf("stop: %v", err)
	}
	if err := in.Err(); err != nil {
		t.Errorf("err after a stop: %v", err)
	}
	if st := slot.Status(); !strings.Contains(st.LastExit, "did not end within 50ms") || st.State != catalog.Stopped {
		t.Errorf("status after a stop: %+v", st)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mustStart(t, slot).Stop(ctx); !errors.As(err, &exit) {
		t.Errorf("stop with an ended context: %v", err)
	}
}

func TestASuspendedPluginCanBeStopped(t *testing.T) {
	c := newCatalog(t, func(o *catalog.Options) { o.StopTimeout = 50 * time.Millisecond })
	in := mustStart(t, mustSlot(t, c, shipped()))
	if err := syscall.Kill(in.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process is suspended", func() bool { return processState(in.PID()) == 'T' })
	if err := in.Stop(t.Context()); err == nil {
		t.Error("a suspended plugin stopped by itself")
	}
}

// findChild waits for the pid in the log that leaveChild wrote.
func findChild(t *testing.T, log *logRecorder) int {
	t.Helper()
	var pid int
	eventually(t, "the plugin tells of its child", func() bool {
		record, ok := log.find("left a child")
		if ok {
			pid = record.number("child")
		}
		return ok
	})
	return pid
}

func TestWhatAPluginLeavesBehindInItsGroupIsKilled(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *catalog.Instance){
		"after a stop": func(t *testing.T, in *catalog.Instance) {
			if err := in.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"after kill -9 of the plugin alone": func(t *testing.T, in *catalog.Instance) {
			if err := syscall.Kill(in.PID(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			await(t, "done", in.Done())
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLogRecorder()
			c := newCatalog(t, func(o *catalog.Options) { o.Logger = log.logger() })
			in := mustStart(t, mustSlot(t, c, fakePlugin(t, "leaves-child")))
			child := findChild(t, log)
			if !alive(child) {
				t.Fatal("the child does not run")
			}
			end(t, in)
			eventually(t, "the child is gone", func() bool { return !alive(child) })
		})
	}
}

func TestClosingTheCatalogEndsEverything(t *testing.T) {
	c := newCatalog(t, nil)
	one, two := mustStart(t, mustSlot(t, c, shipped())), mustStart(t, mustSlot(t, c, shipped()))
	slot := mustSlot(t, c, fakePlugin(t, "silent"))
	starting := make(chan error, 1)
	go func() {
		_, err := slot.Start(t.Context())
		starting <- err
	}()
	eventually(t, "three processes run", func() bool { return len(children(t)) == 3 })
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	for _, in := range []*catalog.Instance{one, two} {
		await(t, "done", in.Done())
		if err := in.Err(); !errors.Is(err, plugins.ErrGone) {
			t.Errorf("err: %v", err)
		}
	}
	if err := <-starting; !errors.Is(err, catalog.ErrClosed) {
		t.Errorf("start while closing: %v", err)
	}
	if _, err := c.Slot(shipped()); !errors.Is(err, catalog.ErrClosed) {
		t.Errorf("slot after close: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestAPluginSeesOnlyTheEnvironmentMeantForIt(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("LC_TIME", "de_DE.UTF-8")
	c := newCatalog(t, nil)
	spec := shipped()
	spec.Env = append(quickExit(), "COLOUR=red=blue", "COLOUR=green", "TZ=Asia/Tokyo")
	in := mustStart(t, mustSlot(t, c, spec))
	if _, err := in.StateMachine().Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"AWS_SECRET_ACCESS_KEY": "", "LC_TIME": "de_DE.UTF-8", "PATH": os.Getenv("PATH"),
		"COLOUR": "green", "TZ": "Asia/Tokyo", "PLUGIN_PROTOCOL_VERSIONS": "1",
	} {
		got, err := in.StateMachine().Query(t.Context(), []byte("env "+name))
		if err != nil || string(got) != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
}
