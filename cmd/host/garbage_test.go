package main

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
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
		t.Skip("this system does not tell how much memory a process takes")
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// inFreshProcess names the process in which nothing has used memory before.
const inFreshProcess = "PONTOON_TEST_FRESH_PROCESS"

// A host collects garbage less often, and pays for that only with garbage. It makes
// the room when it starts: memory that was used before would be cleared, and taken.
func TestRoomForGarbage(t *testing.T) {
	if os.Getenv(inFreshProcess) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
		cmd.Env = append(os.Environ(), inFreshProcess+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	none := func(string) string { return "" }
	goal, memory := heapGoal(), resident(t)
	room := roomForGarbage(none)
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
		if roomForGarbage(func(asked string) string {
			if asked == name {
				return "50"
			}
			return ""
		}) != nil {
			t.Errorf("there is room although %s is set", name)
		}
	}
}
