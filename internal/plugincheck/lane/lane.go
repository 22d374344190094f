// Package lane starts plugins for conformance kits as a host does, in processes of their own.
package lane

import (
	"context"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A Lane serves all tests of a kit by one catalog; each plugin has a slot of its own. Its
// methods may be called concurrently.
type Lane struct {
	catalog *catalog.Catalog

	mu        sync.Mutex
	instances map[any]*catalog.Instance // by contract
}

// New returns a lane that has started nothing yet.
func New(options catalog.Options) (*Lane, error) {
	c, err := catalog.New(options)
	if err != nil {
		return nil, err
	}
	return &Lane{catalog: c, instances: map[any]*catalog.Instance{}}, nil
}

// Close ends all plugins that still run.
func (l *Lane) Close() error { return l.catalog.Close() }

// Start starts a plugin, and leaves its end to the caller or to Close.
func (l *Lane) Start(ctx context.Context, spec catalog.Spec) (*catalog.Instance, error) {
	slot, err := l.catalog.Slot(spec)
	if err != nil {
		return nil, err
	}
	return slot.Start(ctx)
}

// Begin is Start for a test, which fails if the plugin does not start.
func (l *Lane) Begin(t testing.TB, spec catalog.Spec) *catalog.Instance {
	t.Helper()
	in, err := l.Start(context.WithoutCancel(t.Context()), spec)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Kill is kill -9 of the process that serves a contract of StateMachine or Storage.
func (l *Lane) Kill(t testing.TB, contract any) {
	t.Helper()
	l.mu.Lock()
	in := l.instances[contract]
	l.mu.Unlock()
	if in == nil {
		t.Fatalf("no process serves %v", contract)
	}
	in.Kill()
	<-in.Done()
}

// StateMachine makes state machines, for the harness of a kit.
func (l *Lane) StateMachine(spec catalog.Spec) func(testing.TB) statemachine.StateMachine {
	return func(t testing.TB) statemachine.StateMachine {
		in := l.Begin(t, spec)
		l.remember(in.StateMachine(), in)
		return in.StateMachine()
	}
}

// Storage makes storages, for the harness of a kit.
func (l *Lane) Storage(spec catalog.Spec) func(testing.TB, string) storage.Storage {
	return func(t testing.TB, _ string) storage.Storage {
		in := l.Begin(t, spec)
		l.remember(in.Storage(), in)
		return in.Storage()
	}
}

// Transport makes transports, for the harness of a kit.
func (l *Lane) Transport(spec catalog.Spec) func(*testing.T) transport.Transport {
	return func(t *testing.T) transport.Transport { return l.Begin(t, spec).Transport() }
}

func (l *Lane) remember(contract any, in *catalog.Instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances[contract] = in
}
