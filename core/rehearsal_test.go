package core_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

// trial is a state machine that behaves in a rehearsal as a test says.
type trial struct {
	*statemachinetest.Register
	open    func() error
	restore func(context.Context) error
	close   func()
}

func (m *trial) Open(ctx context.Context, opts plugins.Options) (uint64, error) {
	if m.open != nil {
		if err := m.open(); err != nil {
			return 0, err
		}
	}
	return m.Register.Open(ctx, opts)
}

func (m *trial) Restore(ctx context.Context, index uint64, r io.Reader) error {
	if m.restore != nil {
		return m.restore(ctx)
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

func (m *trial) Close(ctx context.Context) error {
	if m.close != nil {
		m.close()
	}
	return m.Register.Close(ctx)
}

// rehearsing returns how a host, which never runs, restores snapshots into
// state machines that make makes.
func rehearsing(t *testing.T, make func() *trial) (restore func(context.Context, uint64, io.Reader) error, dir string) {
	t.Helper()
	c := &cluster{t: t, nodes: nil}
	cfg := c.config(&testNode{disk: storagetest.NewDisk(), log: &recorder{}}, 1, true)
	cfg.Backends[1] = backend.StateMachine("register", func(backend.Env) statemachine.StateMachine {
		m := make()
		m.Register = statemachinetest.NewRegister()
		return m
	})
	host, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if restore, err = core.Rehearsal(host); err != nil {
		t.Fatal(err)
	}
	return restore, filepath.Join(cfg.DataDir, "rehearsal")
}

// A state machine that fails in rehearsals, as often as it likes, is tried again:
// the next state may be smaller, or there may be more memory. One that gives up for
// good takes no snapshot any more, and the log grows until the disk is full.
func TestRehearsalsAreNeverGivenUp(t *testing.T) {
	failure := errors.New("out of memory")
	starts := 0
	restore, dir := rehearsing(t, func() *trial {
		return &trial{open: func() error {
			if starts++; starts > 20 {
				return nil
			}
			return failure
		}}
	})
	for range 20 {
		err := restore(context.Background(), 7, strings.NewReader("state"))
		if !errors.Is(err, failure) || errors.Is(err, catalog.ErrCrashLoop) {
			t.Fatalf("after %d starts: %v", starts, err)
		}
	}
	if err := restore(context.Background(), 7, strings.NewReader("state")); err != nil {
		t.Errorf("then: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left something behind: %v", err)
	}
}

// A rehearsal that is given up, as by a stop, does not wait for a state machine that
// closes in good order.
func TestARehearsalThatIsGivenUpEndsAtOnce(t *testing.T) {
	restoring := make(chan struct{})
	closing := make(chan struct{})
	var free sync.Once
	release := func() { free.Do(func() { close(closing) }) }
	defer release()
	restore, _ := rehearsing(t, func() *trial {
		return &trial{
			restore: func(ctx context.Context) error { close(restoring); <-ctx.Done(); return ctx.Err() },
			close:   func() { <-closing },
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- restore(ctx, 7, strings.NewReader("state")) }()
	<-restoring
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(wait):
		t.Error("it waits for the state machine to close")
		release()
		<-ended
	}
}
