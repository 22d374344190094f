package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// defaultSlack is a process's timer slack where none was chosen.
	defaultSlack = 50 * time.Microsecond
	// timerSlack is the host's and its plugins'. Nothing that they wait for with
	// a timer is due within less than several of it.
	timerSlack = time.Millisecond
	// slackMark names the process that was executed again for its timer slack.
	slackMark = "TIMER_SLACK_SET_IN"
)

// gatherTimers lets the kernel end sleeps of this process and of its plugins up
// to timerSlack late, and so several at once. While a Go process does anything,
// a thread of its runtime looks around every 20 µs; in the four processes of a
// member that works with small batches those were more wake-ups than all others
// (ADR 0023).
//
// The thread is there before main runs. It has the slack of the thread that
// began the process, and a process keeps that when it executes another program:
// so this one executes itself. A slack that was chosen, as with systemd's
// TimerSlackNSec, stays.
func gatherTimers() error {
	again := os.Getenv(slackMark) == strconv.Itoa(os.Getpid())
	if err := os.Unsetenv(slackMark); err != nil {
		return err
	}
	runtime.LockOSThread() // a thread's slack is its own
	defer runtime.UnlockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	switch {
	case err != nil:
		return fmt.Errorf("read the timer slack: %w", err)
	case slack != int(defaultSlack):
		return nil
	case again:
		return errors.New("the system gave up a timer slack that it had accepted")
	}
	return executeWith(timerSlack)
}

// executeWith executes the program again under a timer slack. It returns only
// if it cannot.
func executeWith(slack time.Duration) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	if err := setSlack(slack); err != nil {
		return err
	}
	env := append(os.Environ(), slackMark+"="+strconv.Itoa(os.Getpid()))
	err = fmt.Errorf("execute %s again: %w", path, syscall.Exec(path, os.Args, env))
	return errors.Join(err, setSlack(defaultSlack))
}

func setSlack(slack time.Duration) error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("set the timer slack: %w", err)
	}
	return nil
}
