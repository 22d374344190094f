//go:build linux

package catalog_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// flood keeps the one processor that it leaves to this process busy with n
// goroutines until the returned function is called.
func floodProcessor(n int) (end func()) {
	var over atomic.Bool
	var all sync.WaitGroup
	before := runtime.GOMAXPROCS(1)
	for range n {
		all.Go(func() {
			for !over.Load() {
			}
		})
	}
	return sync.OnceFunc(func() {
		over.Store(true)
		all.Wait()
		runtime.GOMAXPROCS(before)
	})
}

// A host whose own goroutines do not get a processor does not hear its plugins
// in time, and ends none of them.
func TestAStarvedHostEndsNoPlugin(t *testing.T) {
	const timeout = 60 * time.Millisecond
	c := newCatalog(t, func(o *catalog.Options) { o.ProbeInterval, o.ProbeTimeout = 10*time.Millisecond, timeout })
	var all []*catalog.Instance
	for range 3 {
		all = append(all, mustStart(t, mustSlot(t, c, shipped())))
	}
	end := floodProcessor(40)
	defer end()
	eventually(t, "the host was away for ten times what makes a plugin hung", func() bool { return c.Late() > 30*timeout })
	end()
	for _, in := range all {
		select {
		case <-in.Done():
			t.Errorf("a plugin was ended: %v", in.Err())
		default:
		}
		if err := in.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}

// A plugin that is at work is late and not hung, until it has been late for long.
func TestABusyPluginGetsMoreTime(t *testing.T) {
	log := newLogRecorder()
	c := newCatalog(t, func(o *catalog.Options) {
		o.ProbeInterval, o.ProbeTimeout = 20*time.Millisecond, 100*time.Millisecond
		o.Logger = log.logger()
	})
	slot := mustSlot(t, c, fakePlugin(t, "deaf-and-busy"))
	in := mustStart(t, slot)
	await(t, "declared hung", in.Done())
	if err := in.Err(); err == nil || !strings.Contains(err.Error(), "did not answer 20 probes") {
		t.Errorf("err: %v", err)
	}
	if r, ok := log.find("plugin answers late and gets more time"); !ok || !strings.Contains(r.attrs["why"], "busy") {
		t.Errorf("log: %v, %t", r, ok)
	}
	if n := slot.Status().Missed; n != 20 {
		t.Errorf("%d probes were missed", n)
	}
}

// Two plugins that do not answer at the same time accuse their host, which gives
// them more time; that too has an end.
func TestSeveralLatePluginsAccuseTheHost(t *testing.T) {
	c, log := withQuickProbes(t)
	one := mustStart(t, mustSlot(t, c, fakePlugin(t, "deaf")))
	two := mustStart(t, mustSlot(t, c, fakePlugin(t, "deaf")))
	await(t, "one is declared hung", one.Done())
	await(t, "two is declared hung", two.Done())
	if r, ok := log.find("plugin answers late and gets more time"); !ok || !strings.Contains(r.attrs["why"], "other plugins") {
		t.Errorf("log: %v, %t", r, ok)
	}
}

// Two that a signal has stopped do not excuse each other.
func TestSuspendedPluginsDoNotExcuseEachOther(t *testing.T) {
	c := newCatalog(t, quickProbes)
	one, two := mustStart(t, mustSlot(t, c, shipped())), mustStart(t, mustSlot(t, c, shipped()))
	for _, in := range []*catalog.Instance{one, two} {
		if err := syscall.Kill(in.PID(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for _, in := range []*catalog.Instance{one, two} {
		await(t, "declared hung", in.Done())
		if err := in.Err(); err == nil || !strings.Contains(err.Error(), "did not answer 3 probes") {
			t.Errorf("err: %v", err)
		}
	}
}

// Probes do not wait for what an application has under way: a plugin that
// takes nothing more from its stream, with frames and without, still answers.
func TestProbesDoNotWaitForApplications(t *testing.T) {
	for name, spec := range map[string]catalog.Spec{"frames": shipped(), "grpc": fakePlugin(t, "echo")} {
		t.Run(name, func(t *testing.T) {
			in := mustStart(t, mustSlot(t, newCatalog(t, func(o *catalog.Options) {
				o.ProbeInterval, o.ProbeTimeout = 20*time.Millisecond, time.Second
			}), spec))
			sm := in.StateMachine()
			if _, err := sm.Open(t.Context(), plugins.Options{Limits: plugins.DefaultLimits(), Group: 1, Incarnation: 1}); err != nil {
				t.Fatal(err)
			}
			a, err := statemachine.OpenApplier(t.Context(), sm)
			if err != nil {
				t.Fatal(err)
			}
			var sent atomic.Int64
			var writer sync.WaitGroup
			writer.Go(func() {
				for err := error(nil); err == nil; {
					_, err = a.Recv()
				}
			})
			writer.Go(func() {
				data := make([]byte, 1<<20)
				for index := uint64(8); ; index++ {
					entry := statemachine.Entry{Index: index, Data: data}
					if index == 8 {
						entry.Data = []byte("hang")
					}
					if a.Submit(statemachine.Batch{Through: index, Entries: []statemachine.Entry{entry}}, false) != nil {
						return
					}
					sent.Add(1)
				}
			})
			// Until nothing more goes: as much is under way as may be.
			for before := int64(-1); before != sent.Load(); {
				before = sent.Load()
				for range 20 {
					if _, err := in.Metrics(t.Context()); err != nil {
						t.Fatalf("a question while the stream is full: %v", err)
					}
				}
			}
			in.Kill()
			await(t, "done", in.Done())
			writer.Wait()
		})
	}
}
