package catalog

import (
	"context"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// inprocLife is that of a backend inside the host: there is no process to
// watch or to end, so its end is its Close.
type inprocLife struct {
	in    *Instance
	close func(context.Context) error
	watch plugins.LeadershipWatcher // nil if the backend does not want to know who leads
	busy  func() plugins.Busy       // nil if the backend does not say what it is at
	once  sync.Once

	mu    sync.Mutex
	works pluginrpc.Occupations
	// timeout bounds the Close of a killed backend.
	timeout time.Duration
}

// startInproc creates a new backend inside the host.
func (s *Slot) startInproc() (*Instance, error) {
	env := backend.Env{Logger: events.Below(s.catalog.options.Logger).With(
		"kind", string(s.plan.kind), "plugin", s.plan.name, "pid", 0)}
	in := newInstance(s, plugins.Info{})
	life := &inprocLife{in: in, timeout: s.catalog.options.StopTimeout}
	var made any
	switch b := s.plan.inproc; s.plan.kind {
	case plugins.Storage:
		in.storage = b.NewStorage(env)
		made, in.info, life.close = in.storage, in.storage.Describe(), in.storage.Close
	case plugins.Transport:
		in.transport = b.NewTransport(env)
		made, in.info, life.close = in.transport, in.transport.Describe(), in.transport.Close
	case plugins.StateMachine:
		in.stateMachine = b.NewStateMachine(env)
		made, in.info, life.close = in.stateMachine, in.stateMachine.Describe(), in.stateMachine.Close
	}
	err := checkRequires(in.info)
	if err == nil {
		life.watch, err = backend.Watcher(made, in.info)
	}
	if err == nil {
		life.busy, err = backend.Reporter(made, in.info)
	}
	if err != nil {
		return nil, &StartError{Kind: s.plan.kind, Plugin: s.plan.label, Permanent: true, Cause: err}
	}
	in.life = life
	s.started(in)
	return in, nil
}

func (l *inprocLife) pid() int { return 0 }

func (l *inprocLife) stop(ctx context.Context) (err error) {
	l.once.Do(func() {
		defer close(l.in.gone)
		err = l.close(ctx)
		l.in.end(nil)
	})
	<-l.in.gone
	return err
}

func (l *inprocLife) kill(reason string) {
	go l.once.Do(func() {
		defer close(l.in.gone)
		l.in.end(&ExitError{Kind: l.in.info.Kind, Plugin: l.in.info.Name, Code: -1, Reason: reason})
		ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
		defer cancel()
		// The backend failed its host already; how it closes changes nothing.
		_ = l.close(ctx)
	})
}

// hang: a backend in this process has no stacks of its own that could be asked
// for.
func (l *inprocLife) hang(reason string) { l.kill(reason) }

func (l *inprocLife) occupation() Occupation {
	if l.busy == nil {
		return Occupation{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now, _ := l.works.Heard(l.busy(), time.Now()) // what is unusable does not count
	return now
}

func (l *inprocLife) metrics(context.Context) ([]byte, error) { return nil, nil }

func (l *inprocLife) setLeadership(_ context.Context, told plugins.Leadership) error {
	if l.watch != nil {
		l.watch.SetLeadership(told)
	}
	return nil
}
