package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Name is that of the state machine, also in its snapshots.
const Name = "sqlite"

// snapshotFormat is the format of the snapshots.
const snapshotFormat = 1

// Backend describes the state machine to an sdk.
func Backend() backend.Backend { return backend.StateMachine(Name, New) }

// New returns a state machine that is not open.
func New(env backend.Env) statemachine.StateMachine { return &machine{log: env.Logger} }

type machine struct {
	log *slog.Logger

	mu            sync.RWMutex // over what follows; held for a moment only
	store         *store
	applied       uint64
	durable       uint64
	ended         bool
	broken        error // an Apply failed: what is on disk is that of an index before
	run           *executor
	cluster, node uint64
	dir           directory
	chunk         int // bytes of a chunk of an answer

	syncing sync.Mutex
}

func (m *machine) Describe() plugins.Info {
	return plugins.Info{
		Kind:            plugins.StateMachine,
		Name:            Name,
		Version:         "1.0.0",
		Protocols:       []uint32{plugins.ProtocolVersion},
		Capabilities:    []plugins.Capability{statemachine.CapabilityDurable, statemachine.CapabilityQueryStreams},
		SnapshotFormats: plugins.SnapshotFormats{Written: snapshotFormat},
	}
}

// Open opens the file that a process before this one has left.
func (m *machine) Open(_ context.Context, opts plugins.Options) (uint64, error) {
	if cfg := string(bytes.TrimSpace(opts.Config)); cfg != "" && cfg != "{}" && cfg != "null" {
		return 0, fmt.Errorf("%w: %s takes no config", plugins.ErrInvalidConfig, Name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store != nil || m.ended {
		return 0, fmt.Errorf("open: %w: opened before", plugins.ErrInvalidArgument)
	}
	m.cluster, m.node, m.dir = opts.ClusterID, opts.NodeID, directory(opts.DataDir)
	m.chunk = max(1, int(opts.Limits.ChunkBytes()))
	path, err := m.dir.current()
	if err != nil {
		return 0, err
	}
	s, err := openStore(path)
	if err != nil {
		return 0, err
	}
	applied, err := m.identify(s)
	if err == nil {
		err = m.take(s, applied)
	}
	if err != nil {
		s.close(err)
		return 0, err
	}
	m.log.Info("sqlite opened", "applied", applied)
	return applied, nil
}

// identify reads how far a file goes, and refuses that of another node. A new one becomes this node's.
func (m *machine) identify(s *store) (uint64, error) {
	applied, cluster, node, found, err := meta(s.writer)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", s.path, err)
	case !found:
		return 0, setMeta(s.writer, 0, m.cluster, m.node)
	case cluster != m.cluster || node != m.node:
		return 0, fmt.Errorf("%s: %w: of node %x in cluster %x", s.path, plugins.ErrWrongIdentity, node, cluster)
	}
	return applied, nil
}

// take makes s the store. All of it is synced, so that it may be called durable.
func (m *machine) take(s *store, applied uint64) error {
	r := &executor{s: s}
	if err := r.attach(); err != nil {
		return err
	}
	if err := s.sync(); err != nil {
		return err
	}
	m.store, m.run, m.applied, m.durable = s, r, applied, applied
	return nil
}

// usable returns the store.
func (m *machine) usable() (*store, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	switch {
	case m.ended:
		return nil, plugins.ErrClosed
	case m.store == nil:
		return nil, plugins.ErrNotOpen
	case m.broken != nil:
		return nil, fmt.Errorf("after a failure: %w", m.broken)
	}
	return m.store, nil
}

// DurableIndex is the index that a loss of power leaves at least.
func (m *machine) DurableIndex() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.durable
}

// Sync syncs the log of the file. Commands and queries go on meanwhile.
func (m *machine) Sync(context.Context) (uint64, error) {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	s, err := m.usable()
	if err != nil {
		return 0, err
	}
	m.mu.RLock()
	applied := m.applied // is committed
	m.mu.RUnlock()
	if err := s.sync(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.durable = max(m.durable, applied)
	return m.durable, nil
}

// Close ends the queries under way.
func (m *machine) Close(context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	m.mu.Lock()
	s := m.store
	m.ended, m.store = true, nil
	m.mu.Unlock()
	if s != nil {
		s.close(plugins.ErrClosed)
	}
	return nil
}
