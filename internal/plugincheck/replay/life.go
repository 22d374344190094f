package replay

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
)

// A life is a process of the plugin in the record, and the one that stands for it, as long as
// its state is known.
type life struct {
	p      *player
	number uint64
	// open is the request of its Open.
	open    []byte
	calls   map[uint64]*call
	process *process // nil while the state is not known
	// changes counts the requests that change the state, and pending those without an answer.
	changes, pending int
	// snapshots are the ids that the process has given to snapshots, by those in the record.
	snapshots map[uint64]uint64
	closed    bool // Close was answered
	lost      bool // a change has no answer
}

// A process is the plugin that is tried.
type process struct {
	in     *catalog.Instance
	conn   grpc.ClientConnInterface
	ctx    context.Context
	cancel context.CancelFunc
	dir    string
}

// event is one of a call.
func (l *life) event(e *pluginrecord.Event) error {
	if e.Kind == pluginrecord.Call {
		return l.begin(e)
	}
	c := l.calls[e.Call]
	if c == nil {
		return nil
	}
	err := c.event(e)
	if e.Kind == pluginrecord.Status || e.Kind == pluginrecord.GivenUp {
		delete(l.calls, e.Call)
	}
	if s, ok := l.p.plan.saves[l.p.number]; ok && err == nil && l.process == nil && l.open != nil {
		return l.beginSaved(e, s)
	}
	return err
}

// begin takes a new call, with which a replay may begin.
func (l *life) begin(e *pluginrecord.Event) error {
	m := l.p.methods[e.Method]
	if m == nil || l.calls[e.Call] != nil {
		return nil
	}
	c := &call{life: l, number: e.Call, name: e.Method, method: m, time: e.Time, recorded: newAnswer()}
	l.calls[e.Call] = c
	switch {
	case m.open:
		return nil // at its request
	case l.process != nil:
		c.live = !e.Continued
	case m.restore && !e.Continued && l.p.plan.restores[e.Call] && l.open != nil:
		l.p.begins(e, "restored", 0)
		if err := l.startAnew(c); err != nil {
			return err
		}
		c.live = true
	}
	if c.live {
		c.starts()
	}
	return nil
}

// opens is the request of an Open. It begins a replay if the plugin had no state, and goes on with one
// if it had that of the life before.
func (l *life) opens(c *call, e *pluginrecord.Event) error {
	l.open = e.Message
	opened, ok := l.p.plan.opens[c.number]
	switch {
	case e.Continued || !ok || l.process != nil:
		return nil
	case !opened.empty && l.p.kept.dir == "":
		l.p.leave(fmt.Sprintf("the plugin opened with a state, up to index %d, of which the record does not have the beginning (call %d)", opened.index, c.number))
		return nil
	}
	dir := l.p.kept.dir
	c.loose = !opened.empty && !l.p.kept.clean
	if opened.empty {
		l.p.begins(e, "opened", 0)
		var err error
		if dir, err = l.p.newDir(); err != nil {
			return err
		}
	} else {
		l.p.kept = kept{}
	}
	if err := l.start(dir); err != nil {
		return err
	}
	c.live = true
	c.starts()
	return c.ask(l.openRequest())
}

// startAnew starts a process with an empty state for a call that gives it one, and opens it.
func (l *life) startAnew(c *call) error {
	dir, err := l.p.newDir()
	if err != nil {
		return err
	}
	if err := l.start(dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.process.ctx, l.p.subject.Timeout)
	defer cancel()
	method := pluginv1.StateMachine_Open_FullMethodName
	if err := l.process.conn.Invoke(ctx, method, &rawMessage{l.openRequest()}, &rawMessage{}); err != nil {
		return l.p.differs(&Difference{Call: c.number, Method: shortMethod(method), Time: c.time, What: "outcome", Recorded: "opened", Replayed: err.Error()})
	}
	return nil
}

// start starts a process.
func (l *life) start(dir string) error {
	if len(l.p.lives) > maxLives {
		return fmt.Errorf("%w: %d processes at once", pluginrecord.ErrDamaged, len(l.p.lives))
	}
	slot, err := l.p.catalog.Slot(catalog.Spec{Kind: l.p.plan.kind, Command: l.p.subject.Command, SHA256: l.p.subject.SHA256})
	if err != nil {
		return err
	}
	in, err := slot.Start(l.p.ctx)
	if err != nil {
		return err
	}
	l.p.report.Replayed = Version{in.Info().Name, in.Info().Version}
	l.process = &process{in: in, conn: in.Conn(), dir: dir}
	l.process.ctx, l.process.cancel = context.WithCancel(l.p.ctx)
	return nil
}

// openRequest is that of the record, with the directory of the process. The requests of all kinds have
// the options in the same place.
func (l *life) openRequest() []byte {
	var req pluginv1.StateMachineOpenRequest
	if req.Unmarshal(l.open) != nil {
		return l.open
	}
	req.Options.DataDir = l.process.dir
	b, err := req.Marshal()
	if err != nil {
		return l.open
	}
	return b
}

// who is what the requests of the record carry.
func (l *life) who() pluginv1.Call {
	var req pluginv1.StateMachineOpenRequest
	if req.Unmarshal(l.open) != nil {
		return pluginv1.Call{}
	}
	return pluginv1.Call{Group: req.Options.Group, Incarnation: req.Options.Incarnation}
}

// over ends the process, and keeps its data for the next one.
func (l *life) over() {
	if l.process == nil {
		return
	}
	p := l.process
	l.process = nil
	p.cancel()
	if !l.closed {
		p.in.Kill()
		<-p.in.Done()
	}
	_ = p.in.Stop(l.p.ctx) // how it ends is not what a replay is about
	l.p.dropKept(kept{dir: p.dir, clean: l.closed && l.pending == 0 && !l.lost})
}

// abandon ends a process whose state is not the one of the record. The events after it
// are not replayed, up to where a replay can begin again.
func (l *life) abandon() {
	l.closed = false
	l.over()
	l.p.dropKept(kept{})
	for _, c := range l.calls {
		c.live, c.stream, c.feed = false, nil, feedState{}
	}
	l.pending = 0
}
