package node

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// Ports are where a Node puts its output. They are called by the raft
// goroutine and must return at once: queue, do not work.
type Ports interface {
	// Append queues a batch for the storage plugin.
	Append(Append)
	// Apply queues committed entries for the state machine.
	Apply(Apply)
	// Send queues messages for the transport plugin.
	Send([]transport.Envelope)
	// SendSnapshot starts sending a snapshot.
	SendSnapshot(SnapshotSend)
	// SnapshotWanted asks for a snapshot of the present state, soon.
	SnapshotWanted()
	// Fetch starts reading entries for a slow follower.
	Fetch(Fetch)
	// Read delivers the answer to a ReadIndex.
	Read(Read)
	// Rejected tells that requests have no effect.
	Rejected(ids []RequestID, err error)
	// Unanswered tells that it is not known soon what became of requests: messages
	// to the leader were lost, and nothing is heard of them.
	Unanswered(ids []RequestID)
	// StateChanged tells of a new leader, term, role or membership.
	StateChanged(State)
}

// Node runs a Core in one goroutine: the raft goroutine. All methods but Run
// may be called from any goroutine, and return at once.
type Node struct {
	core   *Core
	ports  Ports
	began  uint64
	logger *slog.Logger
	box    *mailbox
	limits messageLimits

	state    atomic.Pointer[State]
	lastTick atomic.Pointer[time.Time] // with its monotonic reading
	drops    drops
	refused  atomic.Uint64 // proposals of other members
	moved    atomic.Uint64 // see stamps
	refusals refusals
	saidLost bool // the log has it; of the raft goroutine
}

// New returns a Node around c, which it owns from here on.
func New(c *Core, ports Ports) *Node {
	began, _ := c.cfg.start()
	n := &Node{core: c, ports: ports, began: began, logger: c.cfg.Logger, box: newMailbox(), limits: c.limits, refusals: newRefusals()}
	made := time.Now()
	c.now, c.trips.since = made, made
	n.lastTick.Store(&made)
	n.publish()
	return n
}

// Run is the raft goroutine. Each value from ticks advances raft's clock. It
// returns nil after stop is closed, and ErrFailed if raft failed.
func (n *Node) Run(stop <-chan struct{}, ticks <-chan time.Time) error {
	started := time.Now()
	n.lastTick.Store(&started)
	n.dispatch() // what NewCore put out
	var spare inputs
	var proposals []Proposal
	var err error
	for {
		ticked := false
		select {
		case <-stop:
			return n.flush()
		case now := <-ticks:
			ticked = true
			n.lastTick.Store(&now)
		case <-n.box.wake:
		}
		in := n.box.take(spare)
		n.core.now = time.Now() // once for all that this turn takes in
		if err := n.takeIn(&in, ticked); err != nil {
			return err
		}
		spare = in.empty()
		if ticked {
			n.drops.tick(n)
			n.core.refusing = n.refusals.tick(n.core.cfg.ElectionTicks)
			n.tellResolved()
		}
		// The completions above may have made room. Proposals that find none
		// wait for the next completion, and go in together.
		if proposals, err = n.handIn(proposals); err != nil {
			return err
		}
		n.dispatch()
		if ticked {
			n.publish()
		}
	}
}

// flush puts out what an orderly end must not forget, and nothing else.
func (n *Node) flush() error {
	err := n.core.Flush()
	for _, a := range n.core.Output().Appends {
		n.ports.Append(a)
	}
	return err
}

// takeIn steps everything. Completions come first, because they make room. A peer's
// report of itself, which comes with a message, is taken in before the message, so that
// accepts judges the message by it. The tick comes last: a heartbeat that waited in the
// mailbox restarts the election timeout before the timeout is advanced, so a raft
// goroutine that was late does not campaign against a leader that it could have heard.
// Only ErrFailed is returned.
func (n *Node) takeIn(in *inputs, ticked bool) error {
	if in.dropped > 0 {
		n.drops.add(in.dropped)
	}
	if in.applied > 0 {
		n.core.SetTimer(in.timer)
		n.core.Applied(in.applied)
	}
	if in.appended > 0 {
		if err := n.core.AppendDone(in.appended); err != nil {
			return err
		}
	}
	for _, f := range in.calls {
		if err := f(n.core); errors.Is(err, ErrFailed) {
			return err
		}
	}
	for _, e := range in.peers {
		if err := n.core.peerEvent(e); errors.Is(err, ErrFailed) {
			return err
		}
	}
	for _, h := range in.heard {
		n.core.hear(h)
	}
	for _, m := range in.messages {
		if err := n.stepMessage(m); err != nil {
			return err
		}
	}
	for _, h := range in.batches {
		if err := n.stepped(h.message, n.core.StepForwarded(h)); err != nil {
			return err
		}
	}
	if ticked {
		return n.core.Tick()
	}
	return nil
}

// stepMessage steps a peer's message; only ErrFailed is returned.
func (n *Node) stepMessage(m *pb.Message) error {
	return n.stepped(m, n.core.Step(m))
}

// stepped deals with what came of stepping a peer's message.
func (n *Node) stepped(m *pb.Message, err error) error {
	switch {
	case err == nil, errors.Is(err, raft.ErrStepPeerNotFound):
		return nil
	case errors.Is(err, ErrFailed):
		return err
	case errors.Is(err, ErrLostData):
		if !n.saidLost {
			n.saidLost = true
			n.logger.Error("refusing to follow", "error", err)
			n.publish()
		}
		return nil
	default:
		n.refuse(member.ID(m.GetFrom()), err)
		return nil
	}
}

// dispatch hands the output to the ports. Within a port the order is the Core's. Among
// the ports it is free as far as safety goes: a message that depends on an append is not
// in the output before that append is done (see putAppend). After ErrFailed the output
// is not handed over at all, so a step that raft broke off leaves nothing outside.
func (n *Node) dispatch() {
	out := n.core.Output()
	n.refused.Store(n.core.refusedOthers)
	n.moved.Store(n.core.stamps.moved)
	for _, a := range out.Appends {
		n.ports.Append(a)
	}
	if len(out.Messages) > 0 {
		n.ports.Send(out.Messages)
	}
	for _, s := range out.Snapshots {
		n.ports.SendSnapshot(s)
	}
	for _, f := range out.Fetches {
		n.ports.Fetch(f)
	}
	if out.SnapshotWanted {
		n.ports.SnapshotWanted()
	}
	if len(out.Refused) > 0 {
		n.ports.Rejected(out.Refused, ErrChangePending)
	}
	for _, r := range out.Rejected {
		n.ports.Rejected(r.IDs, r.Err)
	}
	if len(out.Returned) > 0 {
		n.returned(out.Returned)
	}
	if len(out.Unanswered) > 0 {
		n.ports.Unanswered(out.Unanswered)
	}
	if out.StateChanged {
		n.publish()
		n.ports.StateChanged(*n.state.Load())
	}
	for _, a := range out.Applies {
		n.ports.Apply(a)
	}
	for _, r := range out.Reads {
		n.ports.Read(r)
	}
}

// AppendDone says that all appends up to number are durable.
func (n *Node) AppendDone(number uint64) {
	n.box.put(func(in *inputs) { in.appended = max(in.appended, number) })
}

// Applied says that the state machine has everything up to index, and when it wants the
// next tick; see Core.SetTimer.
func (n *Node) Applied(index, timer uint64) {
	n.box.put(func(in *inputs) { in.applied, in.timer = max(in.applied, index), timer })
}

// Do runs f on the raft goroutine. If the node stops first, f never runs. Nothing
// bounds the calls that wait but their callers: each has a bounded number under way, as
// work that has ended, a request that was admitted, or a question that is asked one at
// a time. What others may say at will comes by PeersLost and its like.
func (n *Node) Do(f func(*Core) error) {
	n.box.put(func(in *inputs) { in.calls = append(in.calls, f) })
}
