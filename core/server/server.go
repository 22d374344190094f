package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Config is what a Server is made from.
type Config struct {
	ClusterID uint64
	ID        member.ID
	Name      string
	Version   string
	// Tick and Election are raft's timings; every timeout follows from them.
	Tick, Election time.Duration
	Limits         plugins.Limits
	// MaxValueBytes is the largest proposal; 0 means defaults.MaxValueBytes. It is never more
	// than fits into an entry of Limits, which peers would refuse.
	MaxValueBytes int
	// MaxPending and MaxPendingBytes bound the proposals that wait for an
	// answer; 0 means those of package defaults.
	MaxPending      int
	MaxPendingBytes int64
	// SnapshotEntries and SnapshotBytes are how much may be applied before the
	// next snapshot; 0 means those of package defaults. CatchUpEntries stay in the
	// log behind a snapshot, for followers a little behind, but not more than
	// CatchUpBytes of them; 0 means defaults.CatchUpBytes.
	SnapshotEntries, SnapshotBytes, CatchUpEntries, CatchUpBytes uint64

	// Rehearse restores the state of a snapshot, which is read from r to its
	// end, into a second state machine; nil if that cannot be done. It is asked
	// for each snapshot if RehearseAll is set, and otherwise for the next one after
	// one that could not be restored.
	Rehearse    func(ctx context.Context, index uint64, r io.Reader) error
	RehearseAll bool
	// StateMachine starts the state machine plugin and opens it.
	StateMachine StateMachineSource
	// Plugins reports the state of all plugins; Ready asks too.
	Plugins func() []PluginStatus
	// Links tells how peers are reached; nil if nobody knows.
	Links func() []PeerLink
	// Fitness tells what makes this member unfit to lead; may be nil.
	Fitness func() []Unfit
	Logger  *slog.Logger
	// RefusedConnections counts clients' connections that were too many; may be
	// nil.
	RefusedConnections func() uint64
	// Log tells how it goes with the log; nil if nobody knows.
	Log LogState
	// Metrics is where the server's metrics are registered; may be nil.
	Metrics prometheus.Registerer
}

// StateMachineSource starts state machines.
type StateMachineSource interface {
	// Start returns a state machine that is open, and the index that it has
	// applied. It waits out a restart backoff. An error that cannot be helped
	// by trying again wraps ErrPermanent.
	Start(ctx context.Context) (RunningStateMachine, error)
}

// RunningStateMachine is an open state machine and the end of its process.
type RunningStateMachine interface {
	statemachine.StateMachine
	// Applied is the index that it had applied when it was opened.
	Applied() uint64
	// Done is closed when the process has ended, or was declared hung.
	Done() <-chan struct{}
	// Err says how it ended, once Done is closed.
	Err() error
	// Fail ends the process for a reason.
	Fail(reason error)
	// Progressed says that it has applied what none before it had.
	Progressed()
}

// ErrPermanent: trying again does not help.
var ErrPermanent = errors.New("permanent failure")

// RequestTimeout is how long a request may take: five seconds plus two
// elections, so that it survives a failed one (statement A2).
func RequestTimeout(election time.Duration) time.Duration { return 5*time.Second + 2*election }

// Server is the server goroutine and what it serves. It is made once; raft
// nodes come and go below it with Attach and Detach.
type Server struct {
	cfg     Config
	logger  *slog.Logger
	metrics *metrics

	mu         sync.Mutex
	node       *node.Node      // nil while there is none
	storage    storage.Storage // of the same generation
	stopping   bool
	conflict   error // why this member must not serve
	waiters    map[uint64]*waiter
	pending    int64 // bytes of data in waiters
	changes    int   // membership changes among them
	answered   int   // those among them whose clients have their answer
	misses     misses
	attachedAt time.Time // when node was attached

	reigns atomic.Pointer[reign] // written by the raft goroutine

	started     atomic.Bool
	made        time.Time
	nextRequest atomic.Uint64
	reads       *readRounds
	rejections  *rejections
	queue       *applyQueue
	progress    *progress
	snapshots   *snapshotter
	quarantine  *quarantine
	machine     access
	applyStall  atomic.Pointer[time.Time] // since when an apply has been unanswered; nil if none
	unread      atomic.Pointer[string]    // why the storage cannot be read for the state machine; nil if it can
	plea        atomic.Pointer[plea]      // what the leader is asked for; nil if it is asked for nothing

	// Of the server goroutine.
	given    uint64          // highest index that any state machine was given
	useless  map[uint64]bool // snapshots that turned out damaged, or cannot be restored
	restores map[uint64]int  // restores that failed in a row, by the snapshot's index
	pleas    pleas
	latest   node.Apply // the last run that was answered, without its entries

	changed *broadcast // of state changes

	stop chan struct{}
	idle chan struct{} // closed when the state machine is no longer used
	done chan struct{}
	err  error // why run ended by itself; set before done is closed
	wg   sync.WaitGroup
}

var _ Service = (*Server)(nil)

// New makes a Server; Start runs it.
func New(cfg Config) *Server {
	cfg.MaxValueBytes = cmp.Or(cfg.MaxValueBytes, defaults.MaxValueBytes)
	if most := cfg.Limits.MaxEntryBytes; most > node.CommandOverhead {
		cfg.MaxValueBytes = int(min(uint64(cfg.MaxValueBytes), most-node.CommandOverhead))
	}
	cfg.MaxPending = cmp.Or(cfg.MaxPending, defaults.MaxPending)
	cfg.MaxPendingBytes = cmp.Or(cfg.MaxPendingBytes, defaults.MaxPendingBytes)
	cfg.SnapshotEntries = cmp.Or(cfg.SnapshotEntries, defaults.SnapshotEntries)
	cfg.CatchUpBytes = cmp.Or(cfg.CatchUpBytes, defaults.CatchUpBytes)
	cfg.SnapshotBytes = cmp.Or(cfg.SnapshotBytes, defaults.SnapshotBytes)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Plugins == nil {
		cfg.Plugins = func() []PluginStatus { return nil }
	}
	s := &Server{
		cfg:        cfg,
		logger:     cfg.Logger,
		waiters:    map[uint64]*waiter{},
		queue:      newApplyQueue(queueBytes),
		rejections: newRejections(),
		progress:   newProgress(),
		quarantine: newQuarantine(),
		changed:    newBroadcast(),
		made:       time.Now(),

		useless: map[uint64]bool{}, restores: map[uint64]int{},

		stop: make(chan struct{}),
		idle: make(chan struct{}),
		done: make(chan struct{}),
	}
	s.reigns.Store(&reign{})
	boot := randomNumber()
	s.nextRequest.Store(boot)
	s.reads = newReadRounds(s, boot)
	s.snapshots = newSnapshotter(s)
	s.metrics = newMetrics(s, cfg.Metrics)
	return s
}

// randomNumber is where a process's request numbers start, so that entries of
// an earlier process of this node are never taken for its own.
func randomNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// Start runs the server goroutine and its attendants. It is called once, and
// not after Stop.
func (s *Server) Start() {
	s.started.Store(true)
	s.wg.Add(4)
	go func() { defer s.wg.Done(); s.expireWaiters() }()
	go func() { defer s.wg.Done(); s.endRejected() }()
	go func() { defer s.wg.Done(); s.reads.run() }()
	go func() { defer s.wg.Done(); s.snapshots.run() }()
	go s.run()
}

// Attach gives the server a raft node and the storage below it. The state machine
// is brought to the storage's newest snapshot, at the given index and with the
// given membership, and is given the log from there up to where the node
// began, before anything later is applied. It is called before the node runs.
func (s *Server) Attach(n *node.Node, st storage.Storage, snapshot uint64, registry *member.Registry) {
	s.progress.seed(registry)
	s.snapshots.attached(snapshot)
	s.queue.attach(snapshot, registry, n.Began())
	s.mu.Lock()
	s.node, s.storage, s.attachedAt = n, st, time.Now()
	s.mu.Unlock()
	s.changed.notify()
}

// Detach takes the node away, which has ended: its storage failed or it is
// stopped. Requests in flight end with reason; whether they have an effect is
// unknown. Those that raft has not seen have none.
func (s *Server) Detach(reason error) {
	for _, r := range s.takeRejections() {
		s.reject(r)
	}
	s.mu.Lock()
	n, stopping := s.node, s.stopping
	s.node, s.storage = nil, nil
	failed := s.waiters
	s.waiters = map[uint64]*waiter{}
	s.pending, s.changes, s.answered = 0, 0, 0
	s.mu.Unlock()
	s.queue.detach()
	withdrawn := withdraw(n, func(node.RequestID) bool { return true })
	for number, w := range failed {
		switch {
		case w.done == nil:
		case !withdrawn[number]:
			s.metrics.proposals.WithLabelValues("unknown").Inc()
			w.done(Result{}, &Error{Err: reason})
		case stopping:
			s.metrics.proposals.WithLabelValues("refused").Inc()
			w.done(Result{}, &Error{Err: ErrStopping})
		default:
			s.metrics.proposals.WithLabelValues("refused").Inc()
			w.done(Result{}, &Error{Err: ErrNotReady, Detail: "the storage plugin is starting", RetryAfter: s.cfg.Tick})
		}
	}
	s.changed.notify()
}

// SetConflict says that there is doubt whose history this member has: it takes
// no requests but stale queries, and is not ready. nil ends that.
func (s *Server) SetConflict(err error) {
	s.mu.Lock()
	s.conflict = err
	s.mu.Unlock()
}

// Drain refuses new requests from now on; those in flight go on.
func (s *Server) Drain() {
	s.mu.Lock()
	s.stopping = true
	s.mu.Unlock()
}

// StopApplying ends the use of the state machine: it waits until what was
// submitted is answered and a snapshot that is being saved is given up, or ctx
// ends. The state machine itself is the caller's
// to close. Law 5: this comes after the raft goroutine has ended and before the
// plugins are closed.
func (s *Server) StopApplying(ctx context.Context) error {
	s.queue.close()
	if !s.started.Load() {
		return nil
	}
	select {
	case <-s.idle:
	case <-s.done:
	case <-ctx.Done():
		return ErrStillApplying
	}
	select {
	case <-s.snapshots.ended:
		return nil
	case <-ctx.Done():
		return ErrStillApplying
	}
}

// ErrStillApplying: the state machine has not answered its last batch, or does
// not give up saving a snapshot.
var ErrStillApplying = errors.New("still applying")

// Stop ends the server goroutine and waits for it: the last step of a stop.
func (s *Server) Stop() {
	s.Drain()
	s.queue.close()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	if !s.started.Load() {
		return
	}
	<-s.done
	s.wg.Wait()
}

// Done is closed when the server goroutine has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells why the server goroutine ended by itself: a state machine that
// cannot go on. It is valid after Done is closed.
func (s *Server) Err() error { return s.err }

// attached returns the present node and storage; nil while there is none.
func (s *Server) attached() (*node.Node, storage.Storage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node, s.storage
}

// currentNode returns the node, or why there is none.
func (s *Server) currentNode() (*node.Node, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node, s.unavailable()
}

// hint adds to e who leads.
func (s *Server) hint(e *Error) *Error {
	n, _ := s.attached()
	if n == nil {
		return e
	}
	st := n.State()
	e.Leader = st.Leader
	if m, ok := st.Registry.Member(st.Leader); ok {
		e.LeaderAddress = m.ClientAddress
	}
	return e
}
