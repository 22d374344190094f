package catalog

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
	"github.com/pontoon-raft/pontoon/plugins/transport/transportrpc"
)

const (
	// dumpGrace is what a hung plugin gets to write the stacks of its
	// goroutines.
	dumpGrace = time.Second
	// lifelineGrace is how long after go-plugin's shutdown call a plugin that
	// has not ended loses its lifeline.
	lifelineGrace = 250 * time.Millisecond
	// exitGrace is how long after a broken session the process's end is
	// expected, before the session itself counts as the failure.
	exitGrace = time.Second
)

// processLife is that of a plugin in a process of its own.
type processLife struct {
	*launch
	in *Instance
	// recorded is nil if the plugin is not recorded.
	recorded *pluginrecord.RecordedLife
	// stopping is closed when Stop was called.
	stopping chan struct{}
	putdown  atomic.Bool // it did not answer
	unprobed bool        // it did not answer probes; of supervise
	stopOnce sync.Once
	// hung takes why the host declares the plugin hung.
	hung chan string
}

// instance makes a launch that succeeded the slot's current instance.
func (l *launch) instance(info plugins.Info) *Instance { return l.live(info, l.slot.started) }

// live makes an instance of a launch that succeeded, for which place finds its place in the slot.
func (l *launch) live(info plugins.Info, place func(*Instance)) *Instance {
	in := newInstance(l.slot, info)
	conn, recorded := l.recordedConn(info)
	in.attach(observed{explained{conn, in, l.session}, l.slot.catalog.calls})
	pl := &processLife{launch: l, in: in, recorded: recorded, stopping: make(chan struct{}), hung: make(chan string, 1)}
	in.life = pl
	l.output.identify(info.Name)
	place(in)
	go pl.supervise()
	return in
}

// attach creates the host's end of the contract.
func (in *Instance) attach(conn grpc.ClientConnInterface) {
	in.conn = conn
	switch in.info.Kind {
	case plugins.Storage:
		in.storage = storagerpc.NewClient(conn, in.info)
	case plugins.Transport:
		in.transport = transportrpc.NewClient(conn, in.info)
	case plugins.StateMachine:
		in.stateMachine = statemachinerpc.NewClient(conn, in.info)
	}
}

// supervise is the goroutine of an instance, from its start until nothing is
// left of it.
func (l *processLife) supervise() {
	defer close(l.in.gone)
	if reason := l.watch(); reason != "" {
		l.output.log().Warn("plugin is of no use: ending it", "reason", reason)
		l.in.end(&ExitError{
			Kind: l.in.info.Kind, Plugin: l.in.info.Name, PID: l.pid(), Code: -1,
			Reason: reason, Unprobed: l.unprobed, Stderr: l.output.tail.String(),
		})
		// Calls in flight fail now and not only when the process is gone.
		l.hangUp()
		l.putDown(reason)
	}
	<-l.runner.drained
	if pause.Over(l.stopping) {
		l.in.forced = l.forced()
		l.in.end(nil)
	} else {
		l.in.end(l.exitError())
	}
	if l.recorded != nil {
		l.recorded.Over()
	}
	l.release()
}

// watch returns when the process has ended or was asked to stop, or with the
// reason why it has to be put down.
func (l *processLife) watch() (reason string) {
	defer l.slot.catalog.tardy.leave(l)
	timer := time.NewTimer(l.slot.catalog.options.ProbeInterval)
	defer timer.Stop()
	for t := (trial{}); ; {
		select {
		case <-l.runner.exited:
			return ""
		case <-l.stopping:
			return ""
		case <-l.session.Done():
			return l.sessionEnded()
		case reason := <-l.hung:
			return reason
		case <-timer.C:
		}
		if l.probe() {
			l.answered(&t)
			timer.Reset(l.slot.catalog.options.ProbeInterval)
			continue
		}
		if reason := l.missed(&t); reason != "" {
			l.unprobed = true
			return reason
		}
		timer.Reset(0) // a miss is followed by the next probe at once
	}
}

// sessionEnded waits for the end of the process that most often explains the
// end of its session.
func (l *processLife) sessionEnded() (reason string) {
	select {
	case <-l.runner.exited:
		return ""
	case <-l.stopping:
		return ""
	case <-time.After(exitGrace):
	}
	if l.runner.isEnding() { // only slowly
		<-l.runner.exited
		return ""
	}
	return fmt.Sprintf("ended its session: %v", l.session.Err())
}

// putDown ends a process that does not answer. A program that was stopped by a
// signal could not write its stacks, so it is not asked to.
func (l *processLife) putDown(reason string) {
	l.putdown.Store(true)
	if !suspended(l.pid()) || l.process == nil {
		l.runner.dump(reason)
		pause.Until(l.runner.exited, dumpGrace)
	}
	l.runner.kill(reason)
}

func (l *processLife) exitError() *ExitError {
	e := l.runner.exit()
	e.Kind, e.Plugin = l.in.info.Kind, l.in.info.Name
	e.Hung = e.Reason != "" && l.putdown.Load()
	return &e
}

func (l *processLife) pid() int { return l.runner.pid() }

// kill leaves a plugin alone that was declared hung: supervise kills it when it
// has written its stacks.
func (l *processLife) kill(reason string) {
	if !l.in.isDone() {
		l.runner.kill(reason)
	}
}

// hang leaves the rest to supervise, which gives the plugin the time to write
// its stacks.
func (l *processLife) hang(reason string) {
	select {
	case l.hung <- reason:
	default: // was declared hung before
	}
}

func (l *processLife) setLeadership(ctx context.Context, told plugins.Leadership) error {
	return l.session.SetLeadership(ctx, told)
}

func (l *processLife) occupation() Occupation { return l.session.Occupation() }

func (l *processLife) metrics(ctx context.Context) ([]byte, error) { return l.session.Metrics(ctx) }

func (l *processLife) stop(ctx context.Context) error {
	if l.in.isDone() {
		<-l.in.gone
		return nil
	}
	timeout := l.slot.catalog.options.StopTimeout
	// go-plugin's Kill waits for the plugin without a deadline. A plugin that
	// does not know go-plugin's shutdown call knows its lifeline.
	cut := time.AfterFunc(min(lifelineGrace, timeout/2), l.runner.cutLifeline)
	defer cut.Stop()
	force := time.AfterFunc(timeout, func() { l.runner.kill(fmt.Sprintf("did not end within %v of being asked to", timeout)) })
	defer force.Stop()
	defer context.AfterFunc(ctx, func() { l.runner.kill("did not end before its host ran out of patience") })()
	l.stopOnce.Do(func() {
		close(l.stopping)
		l.session.Close()
		if l.process == nil { // its process goes on, and is not to be shut down
			l.runner.cutLifeline()
			<-l.runner.exited
		}
		l.client.Kill()
	})
	<-l.in.gone
	if l.in.Err() != nil {
		return nil
	}
	return l.forced()
}

// forced is how a process ended that was asked to, if not in good order; else nil.
func (l *processLife) forced() error {
	if e := l.exitError(); e.Code != 0 || e.Signal != 0 {
		return e
	}
	return nil
}
