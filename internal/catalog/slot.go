package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
)

// closedReason is why instances end that the host left running.
const closedReason = "the host closed its catalog"

// State is what becomes of a plugin.
type State string

// The states of a slot.
const (
	// Starting: the process is being started, or runs but is not Ready yet.
	Starting State = "starting"
	// Ready: the host said that the plugin is open and serves.
	Ready State = "ready"
	// Waiting: the plugin ended unasked, or did not start; Start waits until
	// it may be tried again.
	Waiting State = "backoff"
	// Failed: Start will not succeed any more; see Status.LastError.
	Failed State = "failed"
	// Stopped: not started yet, or ended as asked.
	Stopped State = "stopped"
)

// A Slot is the supervised place of one plugin, in which one process after the
// other runs it. Its methods may be called concurrently.
type Slot struct {
	catalog *Catalog
	spec    Spec
	plan    plan // the first; kind, attach and inproc are those of all that follow
	missed  atomic.Uint64
	held    atomic.Int64 // nanoseconds
	heldAt  atomic.Int64 // when it was held up last, in Unix nanoseconds
	lines   lineRing
	made    time.Time
	// recorder is nil if the plugin is not recorded.
	recorder *pluginrecord.Recorder

	mu      sync.Mutex
	history history
	current *Instance
	// ran is what current was started from.
	ran plan
	// seat is what the next start runs, and before what ran until a new version came, which
	// is on trial; nil if none is.
	seat   seat
	before *seat
	// prepared is the process that the next Start takes; nil if it starts one.
	prepared *prepared
	// beside is an instance that is to take the place of the current one, and leaving the one
	// whose place was taken; nil if there is none.
	beside, leaving *Instance
	// besideSeat is that of another version that is beside; else nil.
	besideSeat *seat
	// busy: a Start is running.
	busy      bool
	state     State
	info      plugins.Info
	starts    int
	startedAt time.Time
	// served: an instance was ready once, so the configuration can work.
	served bool
	causes causes
	// lastExit is how the last life that has ended did.
	lastExit string
}

func newSlot(c *Catalog, spec Spec, taken seat) *Slot {
	pl := taken.plan
	s := &Slot{
		catalog: c, spec: spec, plan: pl, seat: taken, state: Stopped, made: time.Now(),
		info:    plugins.Info{Kind: pl.kind, Name: pl.label},
		history: history{backoff: c.options.Backoff, crashLoop: c.options.CrashLoop},
	}
	if spec.Record != nil {
		s.recorder = pluginrecord.New(*spec.Record, pluginrecord.Of{Kind: pl.kind, Host: c.options.Version, Logger: c.options.Logger})
	}
	if pl.attach != "" { // those who start it know when to give up
		s.history.crashLoop.Exits = math.MaxInt
		s.history.backoff.Max = min(s.history.backoff.Max, attachEvery)
	}
	return s
}

// Start starts the plugin and returns it described but not opened. It first
// waits until the process before is gone, and, if that one ended unasked, for
// the backoff. It starts one process and never retries by itself. For a plugin that is
// started elsewhere it waits, until ctx ends.
//
// Errors: a StartError; one that wraps ErrPermanent means that there is no use
// in trying again. ErrCrashLoop, with the last error, once the limit is
// reached. ErrRunning, ErrClosed, or the cause of ctx.
func (s *Slot) Start(ctx context.Context) (*Instance, error) {
	if err := s.catalog.begin(); err != nil {
		return nil, err
	}
	previous, err := s.enter()
	if err != nil {
		s.catalog.lives.Done()
		return nil, err
	}
	in, err := s.start(ctx, previous)
	if err != nil {
		s.catalog.lives.Done()
		return nil, s.startFailed(err)
	}
	go func() {
		<-in.gone
		s.catalog.lives.Done()
	}()
	if s.catalog.closing.Err() != nil {
		// Close may have looked for instances just before there was this one.
		in.life.kill(closedReason)
	}
	return in, nil
}

// enter makes this the only Start and returns the instance before.
func (s *Slot) enter() (*Instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy || s.current != nil && !s.current.isDone() {
		return nil, fmt.Errorf("%s plugin %s: %w", s.plan.kind, s.info.Name, ErrRunning)
	}
	if err := s.crashLoopLocked(); err != nil {
		return nil, err
	}
	s.busy = true
	return s.current, nil
}

func (s *Slot) start(ctx context.Context, previous *Instance) (*Instance, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.catalog.closing, func() { cancel(ErrClosed) })()
	if err := s.await(ctx, previous); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.state = Starting
	s.starts++
	s.startedAt = time.Now()
	s.mu.Unlock()
	if s.plan.inproc != nil {
		return s.startInproc()
	}
	if s.plan.attach != "" {
		return s.awaitAttached(ctx)
	}
	return s.startProcess(ctx)
}

// await waits until the process before is gone and the backoff is over.
func (s *Slot) await(ctx context.Context, previous *Instance) error {
	if previous != nil {
		select {
		case <-previous.gone:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.mu.Lock()
	wait := time.Until(s.history.notBefore)
	s.mu.Unlock()
	if wait <= 0 {
		return context.Cause(ctx)
	}
	if !pause.For(ctx, wait) {
		return context.Cause(ctx)
	}
	return nil
}

// started makes in the current instance; it ends the Start.
func (s *Slot) started(in *Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.plan.attach == "" && s.ran.path == s.seat.plan.path { // of a plugin that others start anything may be new
		if differs := otherwise(s.current.info, in.info); differs != "" {
			s.catalog.options.Logger.Warn("plugin describes itself otherwise than in its last life, and its file is the same",
				"kind", string(s.plan.kind), "plugin", in.info.Name, "reason", differs)
		}
	}
	s.busy = false
	s.current, s.ran = in, s.seat.plan
	s.info = in.info
	if s.plan.attach != "" { // it was waited for
		s.state, s.causes = Starting, causes{}
	}
}

// startFailed ends a Start that failed and returns what to tell the caller.
func (s *Slot) startFailed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	var startErr *StartError
	if !errors.As(err, &startErr) {
		// Given up by the caller: nothing is known against the plugin.
		s.state = Stopped
		return fmt.Errorf("start %s plugin %s: %w", s.plan.kind, s.info.Name, err)
	}
	if startErr.Permanent {
		s.causes = causes{first: err}
		s.state = Failed
		s.catalog.options.Logger.Error("plugin cannot be started", "event", events.Plugin, "kind", string(s.plan.kind), "plugin", s.info.Name, "error", err)
		return err
	}
	s.crashedLocked(err)
	if loop := s.crashLoopLocked(); loop != nil {
		return loop
	}
	return err
}

// ready is called when in serves.
func (s *Slot) ready(in *Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == in && s.state == Starting {
		s.state = Ready
		s.served = true
	}
}

// ended is called once for each instance, before its Done is closed. err is nil
// if it ended because it was asked to stop.
func (s *Slot) ended(in *Instance, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in == s.beside { // nothing has happened to the one that runs
		s.besideSeat.leave()
		s.beside, s.besideSeat = nil, nil
		return
	}
	s.lastExit = exitText(in.PID(), cmp.Or(err, in.forced))
	if in != s.current { // its place was taken
		s.leaving = nil
		return
	}
	if in.progressed.Load() {
		s.passedLocked()
	}
	if err != nil || !in.retiring.Load() { // that it is replaced says nothing against a version
		s.revertLocked()
	}
	if err == nil {
		s.history.stopped()
		s.causes = causes{}
		s.state = Stopped
		return
	}
	s.history.progressed = in.progressed.Load()
	s.crashedLocked(err)
}

// exitText says how a life ended, without what the plugin wrote.
func exitText(pid int, err error) string {
	if err == nil {
		return fmt.Sprintf("pid %d: ended as it was asked to", pid)
	}
	return briefly(err)
}

func (s *Slot) crashedLocked(err error) {
	if s.history.exited(s.startedAt, time.Now()) {
		s.causes = causes{}
	}
	s.causes.add(err)
	s.state = Waiting
	if s.history.failed {
		s.state = Failed
	}
	s.tellCrashLocked(err)
}

// tellCrashLocked says how a life ended, or a start, and what follows.
func (s *Slot) tellCrashLocked(err error) {
	log := s.catalog.options.Logger.With("event", events.Plugin, "kind", string(s.plan.kind), "plugin", s.info.Name)
	if s.history.failed {
		log.Error("plugin is given up: it ended again and again without getting anywhere", "exits", s.history.early, "error", err)
		return
	}
	log.Warn("plugin ended and is started again", "exits", s.history.early, "error", err)
}

// Forgive forgets how the plugin has ended so far: the next Start does not wait
// for that, nor is it refused.
func (s *Slot) Forgive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history.stopped()
	s.history.failed = false
	s.causes = causes{}
}

// crashLoopLocked returns an ErrCrashLoop if the limit is reached.
func (s *Slot) crashLoopLocked() error {
	if !s.history.failed {
		return nil
	}
	return fmt.Errorf("%w: it ended %d times in a row without getting anywhere; the first time: %w",
		ErrCrashLoop, s.causes.count(), s.causes)
}

// kill ends what runs, for Catalog.Close.
func (s *Slot) kill() {
	s.mu.Lock()
	all := []*Instance{s.current, s.beside, s.leaving}
	s.mu.Unlock()
	for _, in := range all {
		if in != nil {
			in.life.kill(closedReason)
		}
	}
	s.Discard()
}

func (s *Slot) hasServed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served
}
