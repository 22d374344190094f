package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A stop ends within wholeStop, whatever hangs: the promise of statement A5.
const wholeStop = 5 * time.Second

// silentTransport answers neither Open nor Close: to the host it is a process that
// stands still.
type silentTransport struct {
	transport.Transport
	opening chan struct{}
}

func (s silentTransport) Open(ctx context.Context, _ transport.Options, _ transport.Handler) (string, error) {
	close(s.opening)
	<-ctx.Done()
	return "", ctx.Err()
}

func (s silentTransport) Close(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// silentStore opens, and does not answer Close until its time is up.
type silentStore struct {
	storage.Storage
	opened chan struct{}
}

func (s silentStore) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	defer close(s.opened)
	return s.Storage.Open(ctx, opts)
}

func (s silentStore) Close(ctx context.Context) error {
	<-ctx.Done()
	return errors.Join(ctx.Err(), s.Storage.Close(context.WithoutCancel(ctx)))
}

// deafStore stays in Open until it is released, whatever its context says, as a
// backend inside the host can.
type deafStore struct {
	storage.Storage
	opening, release chan struct{}
}

func (s deafStore) Open(ctx context.Context, opts plugins.Options) (storage.State, error) {
	close(s.opening)
	<-s.release
	return s.Storage.Open(context.WithoutCancel(ctx), opts)
}

// bootOf starts a host in a cluster of its own, and ends the context of the start when
// all that it waits for has happened. It returns what the start came to, and checks that
// this took no longer than a whole stop.
func bootOf(t *testing.T, change func(*core.Config, *testNode), until ...<-chan struct{}) (*core.Host, error) {
	t.Helper()
	c := newCluster(t, 0, nil)
	c.members = append(c.members, c.member(1))
	n := fresh()
	cfg := c.config(n, 1, true)
	change(&cfg, n)
	h, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	outcome := make(chan error, 1)
	go func() { outcome <- h.Start(ctx) }()
	for _, happened := range until {
		<-happened
	}
	begun := time.Now()
	cancel()
	err = <-outcome
	if took := time.Since(begun); took > wholeStop {
		t.Errorf("the end of the start took %v", took)
	}
	<-h.Done()
	return h, err
}

// Statement A5: a start that is ended while its plugins do not answer ends within the
// budget of a stop, as a whole, and names each of them.
func TestA5AStartThatIsEndedSharesTheBudget(t *testing.T) {
	mute := silentTransport{opening: make(chan struct{})}
	opened := make(chan struct{})
	_, err := bootOf(t, func(cfg *core.Config, n *testNode) {
		cfg.Election = 2 * time.Second
		cfg.Backends[0] = backend.Storage("memory", func(e backend.Env) storage.Storage { return silentStore{n.newStore(e), opened} })
		network := cfg.Backends[2].NewTransport
		cfg.Backends[2] = backend.Transport("network", func(e backend.Env) transport.Transport {
			mute.Transport = network(e)
			return mute
		})
	}, mute.opening, opened)
	for _, culprit := range []string{"storage(memory)", "transport(memory)"} {
		if !errors.Is(err, core.ErrForced) || !strings.Contains(err.Error(), culprit) {
			t.Errorf("the start gave %v, want %v that names %s", err, core.ErrForced, culprit)
		}
	}
}

// A backend inside the host that never returns from Open is given up, and named; all
// others end as ever. When it returns after all nothing of the host begins to run.
func TestA5ABackendThatStaysInOpenIsGivenUp(t *testing.T) {
	opening, release := make(chan struct{}), make(chan struct{})
	_, err := bootOf(t, func(cfg *core.Config, n *testNode) {
		cfg.Backends[0] = backend.Storage("memory", func(e backend.Env) storage.Storage { return deafStore{n.newStore(e), opening, release} })
	}, opening)
	if !errors.Is(err, core.ErrForced) || !strings.Contains(err.Error(), "storage(memory)") {
		t.Errorf("the start gave %v, want %v that names storage(memory)", err, core.ErrForced)
	}
	for _, innocent := range []string{"transport(", "statemachine(", "server goroutine", "data directory"} {
		if err != nil && strings.Contains(err.Error(), innocent) {
			t.Errorf("the stop names %q, which ended: %v", innocent, err)
		}
	}
	close(release) // goleak sees what is left
}
