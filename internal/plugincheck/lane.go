package plugincheck

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A lane starts processes of the subject as a host does, each in a place of its own.
type lane struct {
	spec    catalog.Spec
	dir     string
	catalog *catalog.Catalog

	mu        sync.Mutex
	instances map[any]*catalog.Instance // by contract
}

// newLane makes a lane whose plugins log to w. close ends all of them.
func newLane(s *Subject, plainGRPC bool, w io.Writer) (l *lane, err error) {
	l = &lane{instances: map[any]*catalog.Instance{}, spec: catalog.Spec{Kind: s.Kind, Command: s.Command, SHA256: s.SHA256}}
	if l.dir, err = os.MkdirTemp("", "c"); err != nil {
		return nil, err
	}
	l.catalog, err = catalog.New(catalog.Options{
		Logger: slog.New(slog.NewTextHandler(w, nil)), RuntimeDir: l.dir, PlainGRPC: plainGRPC,
	})
	if err != nil {
		os.RemoveAll(l.dir)
		return nil, err
	}
	return l, nil
}

func (l *lane) close() error {
	defer os.RemoveAll(l.dir)
	return l.catalog.Close()
}

// begin starts a process. It fails the test if that is refused.
func (l *lane) begin(t testing.TB) *catalog.Instance {
	t.Helper()
	slot, err := l.catalog.Slot(l.spec)
	if err != nil {
		t.Fatal(err)
	}
	in, err := slot.Start(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (l *lane) remember(contract any, in *catalog.Instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances[contract] = in
}

// kill is kill -9 of the process that serves a contract.
func (l *lane) kill(t testing.TB, contract any) {
	t.Helper()
	l.mu.Lock()
	in := l.instances[contract]
	l.mu.Unlock()
	if in == nil {
		t.Fatal("no process serves this")
	}
	in.Kill()
	<-in.Done()
}

func (l *lane) stateMachine(t testing.TB) statemachine.StateMachine {
	in := l.begin(t)
	l.remember(in.StateMachine(), in)
	return in.StateMachine()
}

func (l *lane) storage(t testing.TB, _ string) storage.Storage {
	in := l.begin(t)
	l.remember(in.Storage(), in)
	return in.Storage()
}

func (l *lane) transport(t *testing.T) transport.Transport { return l.begin(t).Transport() }

// describe starts the subject once and returns what it says of itself.
func (l *lane) describe(ctx context.Context) (plugins.Info, error) {
	slot, err := l.catalog.Slot(l.spec)
	if err != nil {
		return plugins.Info{}, err
	}
	in, err := slot.Start(ctx)
	if err != nil {
		return plugins.Info{}, err
	}
	return in.Info(), in.Stop(ctx)
}
