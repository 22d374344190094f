package kv

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Name is what a host's configuration calls this state machine.
const Name = "kv"

const version = "1.0.0"

// Backend describes the state machine to the catalog and to sdk.Serve.
func Backend() backend.Backend { return backend.StateMachine(Name, New) }

// New returns a state machine that is not open yet. It keeps everything in
// memory and starts no goroutines.
func New(env backend.Env) statemachine.StateMachine {
	log := cmp.Or(env.Logger, slog.New(slog.DiscardHandler))
	return &machine{log: log}
}

// phase is where a machine is in its life.
type phase int

const (
	created phase = iota
	opened
	closed
)

// machine implements statemachine.StateMachine.
//
// A lock rather than a clone published after each batch: a clone makes the next
// batch copy every node it touches, which at 64 entries per batch costs four
// times what the lock does.
type machine struct {
	log     *slog.Logger
	streams atomic.Int64 // that have a view of the state

	mu     sync.RWMutex // guards what follows
	phase  phase
	config config
	store  store
	// watches are told when something was applied: each is a channel with room for one.
	watches map[chan struct{}]struct{}
}

// usable says whether calls may go on. The lock must be held.
func (m *machine) usable() error {
	switch m.phase {
	case opened:
		return nil
	case created:
		return fmt.Errorf("kv: %w", plugins.ErrNotOpen)
	}
	return fmt.Errorf("kv: %w", plugins.ErrClosed)
}

// ready is usable for those who do not hold the lock.
func (m *machine) ready() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.usable()
}

// Describe implements statemachine.StateMachine.
func (m *machine) Describe() plugins.Info {
	return plugins.Info{
		Kind:         plugins.StateMachine,
		Name:         Name,
		Version:      version,
		Protocols:    []uint32{plugins.ProtocolVersion},
		Capabilities: []plugins.Capability{statemachine.CapabilityTimers, statemachine.CapabilityQueryStreams},
		StateHash:    hashName,
		ConfigSchema: []byte(configSchema),
	}
}

// Open implements statemachine.StateMachine. It returns 0: nothing is kept
// across processes.
func (m *machine) Open(_ context.Context, opts plugins.Options) (uint64, error) {
	cfg, err := readConfig(opts.Config, opts.Limits)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.phase {
	case opened:
		return 0, fmt.Errorf("kv: %w: open twice", plugins.ErrInvalidArgument)
	case closed:
		return 0, fmt.Errorf("kv: %w", plugins.ErrClosed)
	}
	m.phase, m.config, m.store = opened, cfg, newStore(cfg.reach())
	return 0, nil
}

// Close implements statemachine.StateMachine. Snapshots prepared before remain
// usable.
func (m *machine) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase, m.store = closed, store{}
	m.tellWatches()
	return nil
}
