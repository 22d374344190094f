package node

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Limits of raft that have never had to change.
const (
	maxInflightMessages = 256
	maxInflightBytes    = 64 << 20
	maxApplyingBytes    = 8 << 20
)

// Core is the step function. It is not safe for concurrent use. After any
// method has returned ErrFailed it must be dropped.
type Core struct {
	cfg      Config
	raft     *raft.RawNode
	log      *log
	registry *member.Registry
	limits   messageLimits

	out     Output
	encoder encoder
	now     time.Time // as of this turn of the Node; zero in a Core without one
	trips   trips
	sizes   sizes

	// Appends in flight, by number; each holds what raft hears when it is
	// durable.
	appends    queue[appendRecord]
	saved      storage.HardState // of the last append put out
	lazyCommit bool              // saved.Commit was not put out yet

	term          uint64
	reads         [][]byte // contexts not handed to raft yet; see readsTooEarly
	heartbeat     uint64   // largest read position sent in this term's heartbeats
	changePending changeProposal
	lastChange    changeProposal // the last one that was handed to raft
	changes       changeLog
	hearing       hearing
	following     following
	role          raft.StateType // as of the last collect, like lead: asking raft allocates
	lead          uint64
	reign         reign
	witness       reignWatch
	uncommitted   uint64 // bytes; see took
	window        window
	forwarding    forwarding
	takings       takings
	refusedOthers uint64 // proposals of other members
	received      receivedSnapshot
	news          commitNews
	fitness       Fitness
	holdback      holdback
	leaderRefuses leaderRefuses
	deposed       deposed
	doubling      doubling
	watch         watch
	refusing      bool                    // messages of peers were refused lately
	conditions    map[member.ID]Condition // what the others say of themselves
	wishes        wishes
	kept          Kept   // what this member keeps of a snapshot
	leaderStalled uint64 // what this term's leader says of its oldest uncommitted entry, in ticks
	registrar     registrar
	stamps        stamps
	timer         timer
	levels        levels
	commands      CommandVersions
	hashes        stateHashes
	farTerms      farTerms
	firstElection firstElection
	rivalry       rivalry
	denials       map[member.ID]contradicted
	ledBy         reignOf // the last leader that this node has followed, in this term or an earlier one
	vouched       bool    // a leader has said what this run knows to be so, or this run has led; see accuse
	putOut        uint64  // the last entry that came out for apply
	barred        bool
	accusation    accusation
	lost          error // wraps ErrLostData once it is believed that a leader counts on what is not here
	failed        error
}

// receivedSnapshot is the last snapshot that arrived from a peer.
type receivedSnapshot struct {
	index    uint64
	registry *member.Registry
	time     uint64
}

// appendRecord is an append in flight.
type appendRecord struct {
	entries   []*pb.Entry
	snapshot  *pb.SnapshotMetadata
	responses []*pb.Message
	commit    uint64 // commit index that is durable with it; 0 if it is not synced
}

// changeProposal watches for the entry of a proposed membership change: raft
// replaces a change that it refuses by an empty entry without a word. index is
// 0 if there is none.
type changeProposal struct {
	index, term uint64
	id          RequestID
}

// ErrFailed: raft found its own invariants broken, or the log has what this
// build does not understand. The call in which that shows returns it, and so
// does every later one. The node must stop.
var ErrFailed = errors.New("raft failed")

// NewCore makes a Core from what is on disk. With an empty store and
// cfg.Bootstrap it starts a new cluster; with an empty store alone it waits to
// be added to one.
func NewCore(cfg Config) (c *Core, err error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	start, registry := cfg.start()
	c = &Core{
		cfg:      cfg,
		registry: registry,
		limits:   messageLimits{entry: int(cfg.Limits.MaxEntryBytes), message: cfg.Limits.MaxMessageBytes()},
		saved:    cfg.State.HardState,
		term:     cfg.State.HardState.Term,
		changes:  changeLog{durable: cfg.State.HardState.Commit},
		doubling: doubling{own: randomNumber()},
		farTerms: farTerms{base: cfg.State.HardState.Term},
	}
	c.changes.appended(fromEntries(cfg.Entries))
	c.registrar = registrar{known: map[member.ID]uint64{}, due: true}
	if cfg.State.StoreID != 0 {
		c.registrar.known[cfg.ID] = cfg.State.StoreID
	}
	if snap, ok := cfg.snapshot(); ok {
		if err := matches(cfg.Registry, snap.ConfState); err != nil {
			return nil, fmt.Errorf("snapshot %d: %w", snap.Index, err)
		}
	}
	if err := registry.CheckLevel(cfg.Level); err != nil {
		return nil, err
	}
	if c.log, err = newLog(&cfg); err != nil {
		return nil, err
	}
	c.sizes.appended(c.log.tail)
	c.cfg.Entries = nil // the log has them, and gives them up in time
	c.putOut = start
	c.stamps.passed = cfg.startTime()
	c.out.StateChanged = start > 0 // what snapshot and log say of the members is news
	defer c.recover(&err)
	// A leader that does not hear a majority steps down, and a member that was cut off
	// asks before it raises the term (CheckQuorum, PreVote): so neither serves on alone
	// nor deposes a sound leader when it comes back. Raft forwards no proposals, because
	// a message that is sent again would be in the log twice; forward numbers them. The
	// bound on what is uncommitted is raft's last one: fits keeps proposals below it, and
	// the reserve above them is for changes.
	c.raft, err = raft.NewRawNode(&raft.Config{
		ID:                        uint64(cfg.ID),
		ElectionTick:              cfg.ElectionTicks,
		HeartbeatTick:             cfg.HeartbeatTicks,
		Storage:                   c.log,
		Applied:                   start,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             cfg.Limits.BatchBytes(),
		MaxCommittedSizePerReady:  maxApplyingBytes,
		MaxUncommittedEntriesSize: cfg.MaxUncommittedBytes + changeReserve,
		MaxInflightMsgs:           maxInflightMessages,
		MaxInflightBytes:          maxInflightBytes,
		CheckQuorum:               true,
		PreVote:                   true,
		StepDownOnRemoval:         true,
		DisableProposalForwarding: true, // see forward
		Logger:                    raftLogger{cfg.Logger},
	})
	if err != nil {
		return nil, err
	}
	if c.log.last == 0 && c.saved == (storage.HardState{}) && len(cfg.Bootstrap) > 0 {
		if err := c.bootstrap(cfg.Bootstrap); err != nil {
			return nil, err
		}
	}
	c.collect()
	if c.failed != nil {
		return nil, c.failed
	}
	return c, nil
}

// newLog builds raft's view of the log.
func newLog(cfg *Config) (*log, error) {
	s := &cfg.State
	terms, err := newTermIndex(s.Terms, s.FirstIndex, s.LastIndex)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInconsistent, err)
	}
	l := &log{
		first: s.FirstIndex, last: s.LastIndex, terms: terms,
		tailFirst: s.LastIndex + 1 - uint64(len(cfg.Entries)), tail: fromEntries(cfg.Entries),
		maxTail:   cfg.MaxTailBytes,
		confState: &pb.ConfState{},
	}
	l.tailBytes = size(l.tail)
	hs := s.HardState
	if snap, ok := cfg.snapshot(); ok {
		l.snapshot = fromMetadata(snap)
		l.confState = l.snapshot.ConfState
		// The commit index is never synced by itself, so it may be behind the
		// snapshot, whose entries are committed all the same.
		hs.Commit = max(hs.Commit, snap.Index)
	}
	start, registry := cfg.start()
	if start > l.snapshot.GetIndex() {
		l.confState = fromConfState(storage.ConfState{Voters: registry.Voters(), Learners: registry.Learners()})
	}
	l.putOut = start
	if hs != (storage.HardState{}) {
		l.hardState = &pb.HardState{Term: new(hs.Term), Vote: new(hs.Vote), Commit: new(hs.Commit)}
	}
	return l, nil
}

// bootstrap writes the first members into the log, as committed entries. All
// of them do the same, so their logs agree from the start.
func (c *Core) bootstrap(members []member.Member) error {
	if _, err := foundingRegistry(c.registry, members); err != nil {
		return err
	}
	peers := make([]raft.Peer, len(members))
	for i, m := range members {
		cc, err := raftChange(RequestID{}, member.Change{Op: member.Add, Member: m})
		if err != nil {
			return err
		}
		peers[i] = raft.Peer{ID: uint64(m.ID), Context: cc.GetContext()}
	}
	return c.raft.Bootstrap(peers)
}

// Output returns everything that came out since the last call. The slices
// belong to the caller.
func (c *Core) Output() Output {
	out := c.out
	c.out = Output{}
	return out
}

// Registry is the membership as of the last entry that came out for apply.
func (c *Core) Registry() *member.Registry { return c.registry }

// recover turns a panic of raft into ErrFailed. Raft may be half changed then, so the
// failure is kept: each later step returns it and does not touch raft.
func (c *Core) recover(err *error) {
	if p := recover(); p != nil {
		c.failed = fmt.Errorf("%w: %v", ErrFailed, p)
		*err = c.failed
	}
}

// step runs f and collects what raft has to say.
func (c *Core) step(f func() error) (err error) {
	if c.failed != nil {
		return c.failed
	}
	defer c.recover(&err)
	if err = f(); c.failed != nil {
		err = c.failed // what f found that this build does not understand
	}
	return err
}
