package main

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pontoon-raft/pontoon/internal/await"
)

// Orphans that came to this process are reaped; a child of its own is not,
// whether it leads a group, as plugins do, or is in the group of this process:
// its exit status is for who started it.
func TestOrphansAreReaped(t *testing.T) {
	// Like process 1, this one gets the orphans below it.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	self := os.Getpid()
	leader := exec.Command("/bin/sh", "-c", "exit 7")
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	sibling := exec.Command("/bin/sh", "-c", "exit 8")
	for _, own := range []*exec.Cmd{leader, sibling} {
		if err := own.Start(); err != nil {
			t.Fatal(err)
		}
	}
	// A plugin that dies while a child of its group goes on.
	plugin := exec.Command("/bin/sh", "-c", "sleep 0.1 & echo $!")
	plugin.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := plugin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := plugin.Wait(); err != nil {
		t.Fatal(err)
	}
	until(t, "both own children to have ended", func() bool { return ended(leader.Process.Pid) && ended(sibling.Process.Pid) })
	until(t, "the orphan to be reaped", func() bool { return slices.Contains(reapOrphans(self), orphan) })
	if err := syscall.Kill(orphan, 0); err != syscall.ESRCH {
		t.Errorf("the orphan is there: %v", err)
	}
	for own, want := range map[*exec.Cmd]int{leader: 7, sibling: 8} {
		if _ = own.Wait(); own.ProcessState == nil || own.ProcessState.ExitCode() != want {
			t.Errorf("a child of its own ended with %v, want exit status %d", own.ProcessState, want)
		}
	}
}

// ended tells whether a child has ended and is not reaped.
func ended(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	p, ok := parseStat(raw)
	return err == nil && ok && p.state == 'Z'
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	await.That(t, 20*time.Second, what, condition)
}

// A program may call itself anything.
func TestParseStat(t *testing.T) {
	for text, want := range map[string]procStat{
		"12 (sh) Z 1 10 9 0 -1":         {12, 1, 10, 'Z'},
		"12 (a) Z 1 (b c)) S 3 4 5 0 0": {12, 3, 4, 'S'},
	} {
		if got, ok := parseStat([]byte(text)); !ok || got != want {
			t.Errorf("%s: %+v, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "12", "(sh) Z 1 10", "12 (sh) Z", "12 (sh) Z x 10", ") ("} {
		if got, ok := parseStat([]byte(text)); ok {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
