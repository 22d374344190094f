package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// fakeLifetime is a host whose start, failure and stop a test decides.
type fakeLifetime struct {
	start, failure, stop error
	failed               chan struct{}
	onStart              func()
	stops                int
	patience             time.Duration
}

func (f *fakeLifetime) Start(context.Context) error {
	if f.onStart != nil {
		f.onStart()
	}
	return f.start
}
func (f *fakeLifetime) Failed() <-chan struct{} { return f.failed }
func (f *fakeLifetime) Err() error              { return f.failure }
func (f *fakeLifetime) Stop(ctx context.Context) error {
	f.stops++
	deadline, _ := ctx.Deadline()
	f.patience = time.Until(deadline)
	if ctx.Err() != nil {
		return errors.New("stopped with a context that has ended")
	}
	return f.stop
}

func TestServe(t *testing.T) {
	broken := errors.New("broken")
	closed := make(chan struct{})
	close(closed)
	for _, x := range []struct {
		name  string
		host  fakeLifetime
		asked bool // to stop, while it starts
		want  error
		stops int
	}{
		{name: "a stop that was asked for is no failure", asked: true, stops: 1},
		{name: "nor is one during the start", host: fakeLifetime{start: broken}, asked: true},
		{name: "unless something would not end", host: fakeLifetime{start: core.ErrForced}, asked: true, want: core.ErrForced},
		{name: "a failed start is one", host: fakeLifetime{start: broken}, want: broken},
		{name: "a host that fails is stopped", host: fakeLifetime{failed: closed, failure: broken}, want: broken, stops: 1},
		{name: "a failed stop is reported", host: fakeLifetime{stop: broken}, asked: true, want: broken, stops: 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := x.host
			if x.asked {
				h.onStart = cancel
			}
			if err := serve(ctx, &h, time.Hour); !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
				t.Errorf("got %v, want %v", err, x.want)
			}
			if h.stops != x.stops {
				t.Errorf("stopped %d times, want %d", h.stops, x.stops)
			}
			if h.stops > 0 && (h.patience <= 0 || h.patience > time.Hour) {
				t.Errorf("patience %v", h.patience)
			}
		})
	}
}

// A stop that had to be forced ends with the names of the plugins that would not end,
// though a request to stop began it.
func TestAForcedStopIsNoInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if !isInterruption(ctx, ctx.Err()) {
		t.Error("a command that its context ended does not count as interrupted")
	}
	if forced := errors.Join(ctx.Err(), core.ErrForced); isInterruption(ctx, forced) || exitCode(forced) != exitFailed {
		t.Errorf("%v has exit code %d and counts as interrupted: %v", forced, exitCode(forced), isInterruption(ctx, forced))
	}
}

// A host that fails because something within it was late has not looked for a member: its
// code is that of a failure. What it must not be started again for keeps its own code.
func TestAFailedHostIsNotAnUnreachableMember(t *testing.T) {
	for _, x := range []struct {
		because error
		code    int
	}{
		{fmt.Errorf("%w: storage(wal): %w", core.ErrForced, context.DeadlineExceeded), exitFailed},
		{context.DeadlineExceeded, exitFailed},
		{core.ErrRemoved, exitNotMember},
		{errors.Join(core.ErrLostData, context.DeadlineExceeded), exitNotMember},
		{member.ErrNewer, exitOlder},
		{member.ErrCommandVersion, exitOlder},
	} {
		if code := exitCode(&hostFailure{x.because}); code != x.code {
			t.Errorf("%v: exit code %d, want %d", x.because, code, x.code)
		}
	}
}

// The exit code of a host tells that another build is needed, and not another store. A command on files that refuses what a newer build wrote keeps its own.
func TestAnOlderBuildHasAnExitCodeOfItsOwn(t *testing.T) {
	newer := fmt.Errorf("n1.yaml: open storage(wal): %w", member.ErrNewer)
	if code := exitCode(newer); code != exitOlder {
		t.Errorf("%v: exit code %d, want %d", newer, code, exitOlder)
	}
	if code := exitCode(fmt.Errorf("%w: %w", maintenance.ErrRefused, newer)); code != exitNotFound {
		t.Errorf("a refused command: exit code %d, want %d", code, exitNotFound)
	}
}
