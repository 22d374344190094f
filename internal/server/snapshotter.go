package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// snapshotter decides when a snapshot is due, saves it, and compacts the log up
// to it: one at a time, in a goroutine of its own.
type snapshotter struct {
	s     *Server
	jobs  chan snapshotJob
	ended chan struct{} // closed when run has ended

	mu      sync.Mutex
	last    uint64        // index of the newest snapshot
	bytes   uint64        // applied since
	covered uint64        // of these, what the snapshot under way has
	size    uint64        // of the newest snapshot that this host has saved
	busy    bool          // from due until the end of the job, or abandoned
	wanted  bool          // one is asked for, however little was applied
	news    chan struct{} // closed when the fields above have changed for the better or the worse; nil if none waits
	// doubtful: the newest one could not be restored. Its index was doubted.
	doubtful bool
	doubted  uint64
	health   snapshotHealth
	// compaction is that after the snapshots.
	compaction compaction
	sending    map[*hold]struct{}
	kept       retention
}

// smallSnapshot is the size up to which a snapshot is cheap however often it is
// taken.
const smallSnapshot = 4 << 20

// snapshotJob is a prepared snapshot, with the use of the state machine that
// prepared it.
type snapshotJob struct {
	snapshot statemachine.Snapshot
	apply    node.Apply
	time     uint64 // of its last entry
	machine  RunningStateMachine
	ctx      context.Context
	done     func()
	rehearse bool
}

func newSnapshotter(s *Server) *snapshotter {
	return &snapshotter{
		s: s, jobs: make(chan snapshotJob, 1), ended: make(chan struct{}), sending: map[*hold]struct{}{},
		kept: retention{limit: s.cfg.CatchUpBytes},
	}
}

// attached tells of the newest snapshot in the storage.
func (p *snapshotter) attached(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last, index)
	p.tellNews()
}

// due tells whether a snapshot is to be prepared after the given work. If so,
// take or abandoned follows.
func (p *snapshotter) due(through uint64, items []work) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range items {
		p.bytes += items[i].apply.Bytes
		p.kept.applied(items[i].last(), items[i].apply.Bytes)
	}
	cfg := &p.s.cfg
	if p.busy || through <= p.last {
		return false
	}
	// A snapshot writes the whole state, so it must be worth it: with a large
	// state and small entries their number alone would have it written over
	// and over again (ADR 0018).
	byEntries := through-p.last >= cfg.SnapshotEntries && (p.bytes >= p.size || p.size <= smallSnapshot)
	if !p.wanted && !byEntries && p.bytes < cfg.SnapshotBytes {
		return false
	}
	if items[len(items)-1].apply.Term == 0 || !p.mayTry() {
		return false
	}
	p.busy, p.wanted, p.covered = true, false, p.bytes
	return true
}

// SnapshotWanted implements the node's port: a member that was added after the
// newest snapshot needs a newer one. It is asked for again as long as that is
// so.
func (s *Server) SnapshotWanted() {
	p := s.snapshots
	p.mu.Lock()
	p.wanted = p.wanted || !p.busy
	p.mu.Unlock()
	s.queue.signal()
}

// want asks for one, without waking any goroutine: the server goroutine does
// that.
func (p *snapshotter) want() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true // the one under way may be given up
}

// isWanted tells whether a snapshot is asked for.
func (p *snapshotter) isWanted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted
}

// abandoned tells that what was due will not be taken: the state machine ended.
func (p *snapshotter) abandoned() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
	p.tellNews()
}

// endedWith tells that a state machine ended as it was asked for a snapshot, after abandoned.
func (p *snapshotter) endedWith(why error) {
	err := fmt.Errorf("%w: %w", errEndedAsked, why)
	p.mu.Lock()
	p.health.saved(err, p.s.cfg.Election)
	p.tellNews()
	again := max(0, time.Until(p.health.retryAt))
	p.mu.Unlock()
	p.s.metrics.snapshotFailures.Inc()
	p.s.logger.Warn("the state machine ended as it made a snapshot", "event", events.Snapshot, "error", why, "again_in", again)
}

// newest is at least the index of each snapshot that this member has, or is about to have.
// None has more than the state machine was given.
func (p *snapshotter) newest(given uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy {
		return max(p.last, given)
	}
	return p.last
}

// take hands over the snapshot that was due, nil if there is none. Only one
// that reflects exactly the entries up to its place can be used: a state
// machine that kept more than the log gave it so far is ahead of that.
func (p *snapshotter) take(snapshot statemachine.Snapshot, a node.Apply, time uint64) {
	if snapshot == nil {
		p.s.logger.Warn("state machine prepared no snapshot", "index", a.Last)
		p.abandoned()
		return
	}
	m, ctx, done, ok := p.s.machine.use(context.Background())
	if !ok || snapshot.Index() != a.Last {
		p.s.logger.Info("snapshot not used", "index", a.Last, "state_machine_index", snapshot.Index())
		snapshot.Release()
		if ok {
			done()
		}
		p.abandoned()
		return
	}
	p.jobs <- snapshotJob{snapshot, a, time, m, ctx, done, p.rehearses()} // busy keeps it at one
}

// run saves snapshots until nothing is applied any more.
func (p *snapshotter) run() {
	defer close(p.ended)
	for {
		select {
		case <-p.s.queue.done:
			select {
			case job := <-p.jobs: // prepared at the last moment
				p.end(job)
			default:
			}
			return
		case job := <-p.jobs:
			p.do(job)
		}
	}
}

// end gives up what a job holds.
func (p *snapshotter) end(job snapshotJob) {
	job.snapshot.Release()
	job.done()
}

// do saves one snapshot, and compacts the log.
func (p *snapshotter) do(job snapshotJob) {
	ctx, cancel := p.s.untilEnded(context.Background())
	defer cancel()
	start, index := time.Now(), job.apply.Last
	n, st := p.s.attached()
	size, err := p.save(ctx, n, st, job)
	retired := err != nil && isRetired(job.ctx)
	p.end(job)
	if retired {
		p.again(index)
		return
	}
	p.mu.Lock()
	p.busy = false
	if err == nil {
		p.last, p.size = max(p.last, index), size
		p.bytes -= min(p.bytes, p.covered)
		p.doubtful = p.doubtful && !job.rehearse
	}
	p.health.saved(err, p.s.cfg.Election)
	p.tellNews()
	p.mu.Unlock()
	switch {
	case err == nil:
		p.s.metrics.snapshotSave.Observe(time.Since(start).Seconds())
		p.s.logger.Info("snapshot saved", "event", events.Snapshot, "index", index, "bytes", size, "took", time.Since(start))
		p.shorten(ctx, n, st, index)
	case p.s.ended():
		p.s.logger.Info("snapshot given up: the host is stopping", "index", index)
	default:
		p.s.metrics.snapshotFailures.Inc()
		p.s.logger.Error("snapshot failed, the next one is tried soon", "event", events.Snapshot, "index", index, "error", err)
	}
}

// again asks the next state machine for the snapshot that could not be saved because the one
// that has made it is replaced as asked.
func (p *snapshotter) again(index uint64) {
	p.mu.Lock()
	p.busy, p.wanted, p.health.index = false, true, 0
	p.tellNews()
	p.mu.Unlock()
	p.s.logger.Info("snapshot given up: the state machine is restarted as asked, and the next one is asked for it", "index", index)
	p.s.queue.signal()
}

// save streams a prepared snapshot into the storage and returns its size. The applied entries are
// in the log of every later generation too, so it does not matter which one this is.
func (p *snapshotter) save(ctx context.Context, n *node.Node, st storage.Storage, job snapshotJob) (size uint64, err error) {
	if n == nil {
		return 0, &Error{Err: ErrNotReady}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(job.ctx, cancel)() // the state machine is needed back
	ctx, moved, end := p.watch(ctx, job.apply.Last)
	defer func() { err = end(err) }()
	a := &job.apply
	meta := storage.SnapshotMetadata{
		Index: a.Last, Term: a.Term,
		ConfState: storage.ConfState{Voters: a.Registry.Voters(), Learners: a.Registry.Learners()},
	}
	created, err := st.CreateSnapshot(ctx, meta, false)
	if err != nil {
		return 0, fmt.Errorf("create snapshot %d: %w", a.Last, err)
	}
	w := NewSummedWriter(created)
	defer w.Abort()
	info := job.machine.Describe()
	header := &SnapshotHeader{
		ClusterID: p.s.cfg.ClusterID, Index: a.Last, Term: a.Term,
		StateMachine: info.Name, Registry: a.Registry, Time: job.time, Format: info.SnapshotFormats.Written,
	}
	if err := header.Encode(w); err != nil {
		return 0, fmt.Errorf("write snapshot %d: %w", a.Last, err)
	}
	if err := p.saveState(ctx, job, movingWriter{w, moved}); err != nil {
		return 0, fmt.Errorf("write snapshot %d: %w", a.Last, err)
	}
	saved, err := w.Commit()
	if err != nil {
		return 0, fmt.Errorf("commit snapshot %d: %w", a.Last, err)
	}
	n.Do(func(c *node.Core) error { c.SnapshotSaved(meta); return nil })
	return saved.Bytes, nil
}
