//go:build linux

package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	overloadAhead = flag.Bool("overload-ahead", false,
		"in TestOverloadThroughAFollower the clients and their host get a core ahead of all other processes, for which the test needs the right to real-time scheduling")
	overloadHostAhead = flag.Bool("overload-host-ahead", false,
		"as -overload-ahead, for the host alone, where the system allows it: the clients wait for a core as all others do")
)

// mayRunAhead tells whether the system gives this test the right to real-time scheduling.
func mayRunAhead(t testing.TB) bool {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedSetAttr(0, realTime(), 0); err != nil {
		t.Logf("nothing runs ahead of others here: %v", err)
		return false
	}
	if err := unix.SchedSetAttr(0, before, 0); err != nil {
		t.Fatal(err)
	}
	return true
}

func realTime() *unix.SchedAttr {
	return &unix.SchedAttr{Size: uint32(unsafe.Sizeof(unix.SchedAttr{})), Policy: unix.SCHED_RR, Priority: 1}
}

// ahead has the threads of processes, and those that they start, get a core as soon as
// they want one, until the end of the test.
func ahead(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		before, err := unix.SchedGetAttr(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		schedule(t, pid, realTime())
		if pid == os.Getpid() {
			t.Cleanup(func() { schedule(t, pid, before) })
		}
	}
}

// schedule sets it for all threads of a process.
func schedule(t testing.TB, pid int, to *unix.SchedAttr) {
	t.Helper()
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(filepath.Base(thread))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.SchedSetAttr(id, to, 0); err != nil && err != unix.ESRCH { // it has ended
			t.Fatalf("schedule thread %d of process %d: %v; -overload-ahead needs root or CAP_SYS_NICE", id, pid, err)
		}
	}
}
