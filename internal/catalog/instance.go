package catalog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// An Instance is one life of a plugin, from Slot.Start to the end of its
// process. Its methods may be called concurrently.
type Instance struct {
	slot *Slot
	info plugins.Info
	life life

	// One of these is set.
	storage      storage.Storage
	transport    transport.Transport
	stateMachine statemachine.StateMachine
	conn         grpc.ClientConnInterface // nil inside the host

	// done is closed when the plugin cannot be used any more; gone, later,
	// when nothing of it is left.
	done, gone chan struct{}

	progressed atomic.Bool
	// retiring: the host ends it to have the next process in its place.
	retiring atomic.Bool
	// forced is how it ended after it was asked to, if not in good order; set before end.
	forced error

	mu    sync.Mutex
	ended bool
	err   error
}

// life is what differs between a process and a backend inside the host.
type life interface {
	pid() int
	// stop ends the plugin in good order and returns when it is gone.
	stop(ctx context.Context) error
	// kill ends it at once and does not wait.
	kill(reason string)
	// hang ends it after it had the time to write its stacks, and does not
	// wait.
	hang(reason string)
	metrics(ctx context.Context) ([]byte, error)
	setLeadership(ctx context.Context, l plugins.Leadership) error
	// occupation is its long work, by its last word.
	occupation() Occupation
}

func newInstance(s *Slot, info plugins.Info) *Instance {
	return &Instance{slot: s, info: info, done: make(chan struct{}), gone: make(chan struct{})}
}

// Info returns what the plugin said of itself.
func (in *Instance) Info() plugins.Info { return in.info }

// PID returns the id of the plugin's process, or 0 if it runs inside the host.
func (in *Instance) PID() int { return in.life.pid() }

// Attached tells whether the plugin was started elsewhere: nothing but its connection can
// be ended, and a debugger may hold it up.
func (in *Instance) Attached() bool { return in.slot.plan.attach != "" }

// Storage returns the plugin's contract if it is a storage plugin, else nil.
func (in *Instance) Storage() storage.Storage { return in.storage }

// Transport returns the plugin's contract if it is a transport plugin, else
// nil.
func (in *Instance) Transport() transport.Transport { return in.transport }

// StateMachine returns the plugin's contract if it is a state machine plugin,
// else nil.
func (in *Instance) StateMachine() statemachine.StateMachine { return in.stateMachine }

// Conn is the connection that the contract's calls go by, for tools that make calls of their
// own; nil if the plugin runs inside the host.
func (in *Instance) Conn() grpc.ClientConnInterface { return in.conn }

// Done is closed when the plugin's process has ended or was declared hung, or
// when Stop or Kill has ended it. Calls that were in flight fail with
// plugins.ErrGone.
func (in *Instance) Done() <-chan struct{} { return in.done }

// Err returns an ExitError that says how the plugin ended, with the last lines
// of its standard error; nil before Done is closed, and nil if it ended because
// of Stop.
func (in *Instance) Err() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.err
}

// Ready is how the host says that it has opened the plugin and that it serves.
// It moves the slot's state from starting to ready.
func (in *Instance) Ready() { in.slot.ready(in) }

// Progressed is how the host says that this life got further than the ones
// before: a state machine has applied what none of them had, a storage plugin
// has stored it, a transport has carried something for a while. A life without
// progress counts against the plugin when it ends; see CrashLoop. It may be
// called as often as there is progress.
func (in *Instance) Progressed() {
	if !in.progressed.Load() {
		in.progressed.Store(true)
	}
}

// Retiring is how the host says that it ends the plugin in order to have the next process,
// and not for anything that it did. Another version that was prepared is started only then.
func (in *Instance) Retiring() { in.retiring.Store(true) }

// HeldUp is how the host says that it took nothing from the plugin for d, which had told
// more than a host takes.
func (in *Instance) HeldUp(d time.Duration, now time.Time) {
	in.slot.held.Add(int64(d))
	in.slot.heldAt.Store(now.UnixNano())
}

// Metrics returns the plugin's own metrics in Prometheus text format, unchecked;
// nil if it has none or runs inside the host.
func (in *Instance) Metrics(ctx context.Context) ([]byte, error) { return in.life.metrics(ctx) }

// Occupation is the long work of a plugin with the capability busy, by its own word.
func (in *Instance) Occupation() Occupation {
	if !in.info.Has(plugins.CapabilityBusy) {
		return Occupation{}
	}
	return in.life.occupation()
}

// SetLeadership tells a plugin with that capability who leads, and returns when it has
// taken that. One call at a time.
func (in *Instance) SetLeadership(ctx context.Context, l plugins.Leadership) error {
	return in.life.setLeadership(ctx, l)
}

// Stop ends the plugin, after the contract's Close: it asks the process to end,
// and sends SIGKILL to its group when ctx ends or Options.StopTimeout has
// passed. It returns when the process is gone and its sockets are removed, with
// an ExitError if it ended by force or with an exit code that is not 0.
//
// A stop does not count as a failure of the plugin: the next Start does not
// wait. Stopping what has already ended waits until it is gone and returns
// nil. A backend inside the host is closed once more, which does nothing if it
// was closed.
func (in *Instance) Stop(ctx context.Context) error { return in.life.stop(ctx) }

// Kill ends the plugin at once because it failed its host: the next Start
// waits for the backoff, and the crash-loop limit counts it. It does not wait;
// Done is closed when the process is gone. A backend inside the host cannot be
// killed: Done is closed, Close is called, and the next Start waits for that.
// A plugin that has ended, or that was declared hung and is writing its stacks,
// is left alone.
func (in *Instance) Kill() { in.life.kill("killed by the host") }

// Fail is Kill for a reason that is known: it shows in Err, and so in the log and in
// the slot's status. If the reason wraps ErrHung or context.DeadlineExceeded
// the plugin is declared hung: Done is closed at once, and the process is killed
// when it has written its stacks, or after a second.
func (in *Instance) Fail(reason error) {
	if errors.Is(reason, ErrHung) || errors.Is(reason, context.DeadlineExceeded) {
		in.life.hang(reason.Error())
		return
	}
	in.life.kill("killed by the host: " + reason.Error())
}

// end closes Done. Only the first call counts.
func (in *Instance) end(err error) {
	in.mu.Lock()
	if in.ended {
		in.mu.Unlock()
		return
	}
	in.ended, in.err = true, err
	in.mu.Unlock()
	in.slot.ended(in, err)
	close(in.done)
}

// hasEnded tells whether the slot has heard of its end, or is about to.
func (in *Instance) hasEnded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.ended
}

func (in *Instance) isDone() bool { return pause.Over(in.done) }
