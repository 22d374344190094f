package server

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/core/member"
	"github.com/pontoon-raft/pontoon/core/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// SnapshotHeader is what the host itself puts before the state machine's bytes
// in every snapshot (docs/formats/snapshot-stream.md).
type SnapshotHeader struct {
	Version      int              `json:"version"`
	ClusterID    uint64           `json:"cluster_id"`
	Index        uint64           `json:"index"`
	Term         uint64           `json:"term"`
	StateMachine string           `json:"state_machine"`
	Registry     *member.Registry `json:"registry"`
}

const (
	snapshotVersion   = 1
	maxSnapshotHeader = 4 << 20
)

// writeTo writes the header: its length in 4 bytes, big endian, then JSON.
func (h *SnapshotHeader) writeTo(w io.Writer) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))); err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// ReadSnapshotHeader reads the header and leaves r at the state machine's
// bytes.
func ReadSnapshotHeader(r io.Reader) (*SnapshotHeader, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("snapshot header: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxSnapshotHeader {
		return nil, fmt.Errorf("snapshot header of %d bytes, limit %d", n, maxSnapshotHeader)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return nil, fmt.Errorf("snapshot header: %w", err)
	}
	h := &SnapshotHeader{}
	if err := json.Unmarshal(b, h); err != nil {
		return nil, fmt.Errorf("snapshot header: %w", err)
	}
	if h.Version != snapshotVersion || h.Registry == nil {
		return nil, fmt.Errorf("snapshot header of version %d, this host knows %d", h.Version, snapshotVersion)
	}
	return h, nil
}

// check refuses a snapshot that is not what its place says.
func (h *SnapshotHeader) check(cluster uint64, meta storage.SnapshotMetadata, sm plugins.Info) error {
	switch {
	case h.ClusterID != cluster:
		return fmt.Errorf("it belongs to cluster %x, this is %x", h.ClusterID, cluster)
	case h.Index != meta.Index || h.Term != meta.Term:
		return fmt.Errorf("it was taken at (%d, %d) and stands at (%d, %d)", h.Index, h.Term, meta.Index, meta.Term)
	case h.StateMachine != sm.Name:
		return fmt.Errorf("it was taken from state machine %q, this one is %q", h.StateMachine, sm.Name)
	}
	return nil
}

// snapshotter decides when a snapshot is due, saves it, and compacts the log
// behind it: one at a time, in a goroutine of its own.
type snapshotter struct {
	s    *Server
	jobs chan snapshotJob

	mu       sync.Mutex
	last     uint64 // index of the newest snapshot
	bytes    uint64 // applied since
	busy     bool
	sending  map[uint64]int // snapshots being sent, by index
	duration time.Duration
}

type snapshotJob struct {
	snapshot statemachine.Snapshot
	apply    node.Apply
}

func newSnapshotter(s *Server) *snapshotter {
	return &snapshotter{s: s, jobs: make(chan snapshotJob, 1), sending: map[uint64]int{}}
}

// attached tells of the newest snapshot in the storage.
func (p *snapshotter) attached(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last, index)
}

// due tells whether a snapshot is to be prepared after the given work.
func (p *snapshotter) due(through uint64, items []work) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range items {
		p.bytes += items[i].apply.Bytes
	}
	cfg := &p.s.cfg
	if p.busy || through < p.last+cfg.SnapshotEntries && p.bytes < cfg.SnapshotBytes || through <= p.last {
		return false
	}
	if items[len(items)-1].apply.Term == 0 {
		return false
	}
	p.busy = true
	return true
}

// take hands over a prepared snapshot.
func (p *snapshotter) take(snapshot statemachine.Snapshot, a node.Apply) {
	p.jobs <- snapshotJob{snapshot, a} // busy keeps it at one
}

// Hold keeps the log from index on until release is called, for a follower
// that is being sent the snapshot at index.
func (s *Server) Hold(index uint64) (release func()) {
	p := s.snapshots
	p.mu.Lock()
	p.sending[index]++
	p.mu.Unlock()
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.sending[index]--; p.sending[index] == 0 {
			delete(p.sending, index)
		}
	})
}

// run saves snapshots until the server stops.
func (p *snapshotter) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-p.s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		select {
		case <-p.s.stop:
			return
		case job := <-p.jobs:
			start := time.Now()
			err := p.save(ctx, job)
			job.snapshot.Release()
			p.mu.Lock()
			p.busy = false
			if err == nil {
				p.last, p.bytes = max(p.last, job.apply.Last), 0
			}
			p.mu.Unlock()
			if err != nil {
				p.s.metrics.snapshotFailures.Inc()
				p.s.logger.Error("snapshot failed, the next one is tried at the next batch", "index", job.apply.Last, "error", err)
				continue
			}
			p.s.metrics.snapshotSave.Observe(time.Since(start).Seconds())
			p.s.logger.Info("snapshot saved", "index", job.apply.Last, "took", time.Since(start))
		}
	}
}

// save streams a prepared snapshot into the storage and compacts behind it.
func (p *snapshotter) save(ctx context.Context, job snapshotJob) error {
	n, st := p.s.attached()
	m := p.s.machine.Load()
	if n == nil || m == nil {
		return &Error{Err: ErrNotReady}
	}
	a := &job.apply
	meta := storage.SnapshotMetadata{
		Index: a.Last, Term: a.Term,
		ConfState: storage.ConfState{Voters: a.Registry.Voters(), Learners: a.Registry.Learners()},
	}
	w, err := st.CreateSnapshot(ctx, meta, false)
	if err != nil {
		return fmt.Errorf("create snapshot %d: %w", a.Last, err)
	}
	defer w.Abort()
	header := &SnapshotHeader{
		Version: snapshotVersion, ClusterID: p.s.cfg.ClusterID, Index: a.Last, Term: a.Term,
		StateMachine: (*m).Describe().Name, Registry: a.Registry,
	}
	if err := header.writeTo(w); err != nil {
		return fmt.Errorf("write snapshot %d: %w", a.Last, err)
	}
	if err := job.snapshot.Save(ctx, w); err != nil {
		return fmt.Errorf("write snapshot %d: %w", a.Last, err)
	}
	if _, err := w.Commit(); err != nil {
		return fmt.Errorf("commit snapshot %d: %w", a.Last, err)
	}
	n.Do(func(c *node.Core) error { c.SnapshotSaved(meta); return nil })
	return p.compact(ctx, n, st, a.Last)
}

// compact gives up the log up to the catch-up entries before index, and not
// what a follower needs that is being sent a snapshot.
func (p *snapshotter) compact(ctx context.Context, n *node.Node, st storage.Storage, index uint64) error {
	p.mu.Lock()
	to := index - min(index, p.s.cfg.CatchUpEntries)
	for held := range p.sending {
		to = min(to, held)
	}
	p.mu.Unlock()
	if to == 0 {
		return nil
	}
	first, err := st.Compact(ctx, to)
	if err != nil {
		return fmt.Errorf("compact to %d: %w", to, err)
	}
	n.Do(func(c *node.Core) error { c.Compacted(first); return nil })
	return nil
}
