package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/restarts"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// ErrPermanent marks an error after which another try would end in the same
// way. The drive of the state machine wraps it, and so may a port that
// prepares one; the server ends with such an error instead of asking for
// another state machine.
var ErrPermanent = errors.New("permanent failure")

// ErrCrashLoop goes with ErrPermanent if a source starts no state machine any more because
// those before have ended too often.
var ErrCrashLoop = errors.New("state machines keep ending")

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
	paused     bool  // the storage is about to be restarted as asked
	waiters    map[uint64]*waiter
	changes    int           // membership changes among them
	asking     chan struct{} // a token for each change whose voters are asked for
	answered   int           // those among them whose clients have their answer
	misses     misses
	attachedAt time.Time // when node was attached

	occupied occupancy             // changes under mu
	reigns   atomic.Pointer[reign] // written by the raft goroutine

	started     atomic.Bool
	made        time.Time
	nextRequest atomic.Uint64
	reads       *readRounds
	broken      atomic.Pointer[brokenPath]
	rejections  *rejections
	queue       *applyQueue
	progress    *progress
	snapshots   *snapshotter
	// readingSnapshot is held while a client gets a snapshot.
	readingSnapshot sync.Mutex
	blocked         *blockedQueries
	crowd           crowd
	queries         *queryGate
	machine         access
	applyStall      atomic.Pointer[time.Time]    // since when an apply has been unanswered; nil if none
	restoring       atomic.Pointer[restoring]    // the Restore under way; nil if there is none
	unread          atomic.Pointer[string]       // why the storage cannot be read for the state machine; nil if it can
	isolated        atomic.Pointer[Quarantine]   // written by the server goroutine; nil if this member is not quarantined
	received        atomic.Uint64                // the index of the last snapshot that came from another member
	info            atomic.Pointer[plugins.Info] // what the last state machine says of itself; nil if there was none
	hash            atomic.Pointer[toldHash]     // of the state after the last check; nil before there is a state machine
	agreed          agreements
	checked         atomic.Uint64        // the index of the last check at which this member has the same
	plea            atomic.Pointer[plea] // what the leader is asked for; nil if it is asked for nothing

	restarts  chan *restarts.Restart // to the server goroutine
	takeovers chan *takeover         // to the server goroutine

	// Of the server goroutine.
	restart *restarts.Restart // the one that is under way; nil if there is none
	placing *takeover         // the one whose state machine is about to be driven; nil if there is none
	given   uint64            // highest index that any state machine was given
	useless map[uint64]bool   // snapshots that turned out damaged, or cannot be restored
	// otherFormat is why the last snapshot was of no use that the state machine was not shown;
	// nil if there was none.
	otherFormat error
	restores    map[uint64]int // restores that failed in a row, by the snapshot's index
	pleas       pleas
	poison      poison
	kills       kills
	hashes      stateHashes
	durability  durability
	helped      bool       // the last pause of a quarantine ended with a snapshot
	wake        uint64     // when the state machine wants the next tick
	latest      node.Apply // the last run that was answered, without its entries

	changed *broadcast // of state changes
	readyIn uint64     // the last term in which a leader was ready; of the caller of Leadership

	stop chan struct{}
	idle chan struct{} // closed when the state machine is no longer used
	done chan struct{}
	err  error // why run ended by itself; set before done is closed
	wg   sync.WaitGroup
}

var _ Service = (*Server)(nil)

// New makes a Server; Start runs it.
func New(cfg Config) *Server {
	if most := cfg.Limits.MaxEntryBytes; most > node.CommandOverhead {
		cfg.MaxValueBytes = int(min(uint64(cfg.MaxValueBytes), most-node.CommandOverhead))
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	if cfg.Timings == nil {
		cfg.Timings = NewTimings()
	}
	if cfg.Plugins == nil {
		cfg.Plugins = func() []PluginStatus { return nil }
	}
	if cfg.RestartPlugin == nil {
		cfg.RestartPlugin = func(context.Context, string, string) (PluginStatus, error) {
			return PluginStatus{}, &Error{Err: ErrUnknownPlugin}
		}
	}
	if cfg.PluginLines == nil {
		cfg.PluginLines = func(PluginLines) ([]PluginLine, time.Time, error) {
			return nil, time.Time{}, &Error{Err: ErrUnknownPlugin}
		}
	}
	s := &Server{
		cfg:        cfg,
		logger:     cfg.Logger,
		waiters:    map[uint64]*waiter{},
		queue:      newApplyQueue(queueBytes),
		rejections: newRejections(),
		progress:   newProgress(),
		blocked:    newBlockedQueries(),
		queries:    newQueryGate(),
		changed:    newBroadcast(),
		made:       time.Now(),
		asking:     make(chan struct{}, maxAsking),

		useless: map[uint64]bool{}, restores: map[uint64]int{},

		restarts: make(chan *restarts.Restart), takeovers: make(chan *takeover),

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
	s.retellHash()
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
	s.changes, s.answered = 0, 0
	s.occupied.none()
	s.mu.Unlock()
	s.queue.detach()
	withdrawn := withdraw(n, func(node.RequestID) bool { return true })
	now := time.Now()
	for number, w := range failed {
		switch {
		case w.done == nil:
		case !withdrawn[number]:
			s.metrics.ended(unknown, w, now)
			w.done(Result{}, &Error{Err: reason})
		case stopping:
			s.metrics.ended(refused, w, now)
			w.done(Result{}, &Error{Err: ErrStopping})
		default:
			s.metrics.ended(refused, w, now)
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
