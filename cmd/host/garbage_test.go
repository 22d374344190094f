package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/core"
)

// heapGoal is the size of the heap at which the next collection begins, after one.
func heapGoal() uint64 {
	runtime.GC()
	s := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// resident are the bytes of this process that are in memory.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// inFreshProcess names the process whose memory is that of one test.
const inFreshProcess = "PONTOON_TEST_FRESH_PROCESS"

// used is memory that a process had before.
var used []byte

// A host collects garbage less often, and pays for that only with garbage: the room
// takes no memory, wherever the allocator has it from. Memory that was used before is
// cleared, and so comes in.
func TestRoomForGarbage(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("this system does not tell how much memory a process takes")
	}
	if os.Getenv(inFreshProcess) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		cmd.Env = append(os.Environ(), inFreshProcess+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	used = bytes.Repeat([]byte{1}, 2*garbageRoom)
	used = nil
	debug.FreeOSMemory()
	used = bytes.Repeat([]byte{1}, 1<<20) // a part of what was given back is in memory again
	used = nil
	goal, memory := heapGoal(), resident(t)
	room := roomForGarbage(environmentWith(""))
	grown, taken := heapGoal()-goal, resident(t)-memory
	runtime.KeepAlive(room)
	if grown < garbageRoom {
		t.Errorf("the next collection begins %d bytes later, want %d at least", grown, garbageRoom)
	}
	if taken > garbageRoom/4 {
		t.Errorf("the room takes %d bytes of memory itself", taken)
	}
}

func TestRoomForGarbageGivesWayToTheEnvironment(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if roomForGarbage(environmentWith(name)) != nil {
			t.Errorf("there is room although %s is set", name)
		}
	}
}

// environmentWith is an environment in which one variable is set.
func environmentWith(name string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return "50"
		}
		return ""
	}
}

// Clients can have a host keep a hundred MiB. As much garbage beside it would be
// beyond what a host takes under attack; a host with much more alive is left alone.
func TestGarbageIsLimitedWhileMuchIsAlive(t *testing.T) {
	for _, c := range []struct {
		alive uint64
		limit int64
	}{
		{0, 128 << 20},
		{64 << 20, 128 << 20},
		{66 << 20, 130 << 20},
		{130 << 20, 194 << 20},
		{192 << 20, 256 << 20},
		{192<<20 + 1, math.MaxInt64},
		{math.MaxUint64, math.MaxInt64},
	} {
		if got := memoryLimit(c.alive); got != c.limit {
			t.Errorf("with %d MiB alive the limit is %d MiB, want %d", c.alive>>20, got>>20, c.limit>>20)
		}
	}
}

// The limit follows what is alive, in both directions.
func TestTheLimitFollowsWhatIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		alive := []uint64{10 << 20, 10 << 20, 100 << 20, 500 << 20, 20 << 20}
		at := 0
		var limits []int64
		limitGarbage(ctx, func() uint64 {
			if at++; at == len(alive) {
				cancel()
			}
			return alive[at-1]
		}, func(limit int64) { limits = append(limits, limit) })
		if want := []int64{128 << 20, 164 << 20, math.MaxInt64, 128 << 20}; !slices.Equal(limits, want) {
			t.Errorf("the limits were %d, want %d", limits, want)
		}
	})
}

// An environment that says how much memory there is, and a plugin inside the host,
// are reasons for what a host takes.
func TestWhoseGarbageIsLimited(t *testing.T) {
	outside := &core.Config{}
	inside := &core.Config{StateMachine: core.PluginConfig{Isolation: "inproc"}}
	if !mayLimitGarbage(outside, environmentWith("")) {
		t.Error("there is no limit by default")
	}
	if mayLimitGarbage(inside, environmentWith("")) || mayLimitGarbage(outside, environmentWith("GOGC")) || mayLimitGarbage(outside, environmentWith("GOMEMLIMIT")) {
		t.Error("there is a limit in spite of GOGC, GOMEMLIMIT or a plugin inside the host")
	}
}
