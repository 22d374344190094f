package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// slackChild tells this test's executable that it is the process to look at.
const slackChild = "TEST_TIMER_SLACK_CHILD"

// deleteFirst is the value of slackChild that has the executable deleted first.
const deleteFirst = "delete"

func TestGatherTimers(t *testing.T) {
	if os.Getenv(slackChild) != "" {
		sayTimerSlack()
	}
	for name, test := range map[string]struct {
		given, want time.Duration
	}{
		"nobody chose":           {defaultSlack, timerSlack},
		"somebody chose a short": {200 * time.Microsecond, 200 * time.Microsecond},
		"somebody chose a long":  {5 * time.Millisecond, 5 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestGatherTimers$")
			child.Env = append(os.Environ(), slackChild+"=1")
			out := outputUnder(t, test.given, child)
			want := fmt.Sprintf("process %d, slack %v, mark \"\", error <nil>", child.Process.Pid, test.want)
			if out != want {
				t.Errorf("it says %q, want %q", out, want)
			}
		})
	}
}

// sayTimerSlack ends this process with a line about it: its id is still the one
// that it was started with, and threads that begin now are as all the others.
func sayTimerSlack() {
	if os.Getenv(slackChild) == deleteFirst {
		if err := os.Remove(os.Args[0]); err != nil {
			panic(err)
		}
	}
	err := gatherTimers()
	slack := make(chan int)
	go func() {
		runtime.LockOSThread()
		n, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		slack <- n
	}()
	fmt.Printf("process %d, slack %v, mark %q, error %v", os.Getpid(), time.Duration(<-slack), os.Getenv(slackMark), err)
	os.Exit(0)
}

// outputUnder runs a command that inherits a timer slack.
func outputUnder(t *testing.T, slack time.Duration, command *exec.Cmd) string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := setSlack(slack); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := setSlack(time.Duration(before)); err != nil {
			t.Error(err)
		}
	}()
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// A program that is no longer where it was cannot be executed again: an error
// says so, and what was changed for it is undone.
func TestGatherTimersOfADeletedProgram(t *testing.T) {
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, program, 0o700); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(path, "-test.run=^TestGatherTimers$")
	child.Env = append(os.Environ(), slackChild+"="+deleteFirst)
	out := outputUnder(t, defaultSlack, child)
	want := fmt.Sprintf("process %d, slack %v, mark \"\", error execute %s again: %v", child.Process.Pid, defaultSlack, path, unix.ENOENT)
	if out != want {
		t.Errorf("it says %q, want %q", out, want)
	}
}
