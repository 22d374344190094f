package sdk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// Memory is what all state machines have in common whose whole state is a value in memory of a
// type S: their life, their lock, the applied index, and snapshots, which are S as JSON.
// A state machine embeds one and adds Describe and Query. One with more to do in Open, Apply
// or Close has a method of its own that calls Memory's.
//
// A snapshot is encoded while no entry is applied. So Memory is for states of some
// megabytes; a larger one needs a view that later entries do not change.
//
// Memory has a hash of the state too, by which replicas that have parted are found. A state
// machine that names it in Info.StateHash is asked for it, and gives it another name when S
// changes. It is of the whole state each time, so it costs what a snapshot costs.
type Memory[S any] struct {
	apply func(*S, statemachine.Entry) statemachine.Result

	mu      sync.RWMutex
	phase   error // of plugins: ErrNotOpen, nil while it is open, ErrClosed
	applied uint64
	state   S
}

// InMemory returns a Memory that is not open yet. apply is called once for each entry that the
// state has not, in order, ticks included, by one goroutine at a time. Nothing but the state and the
// entry may have a say in what it does. It panics rather than leave the state half changed.
func InMemory[S any](apply func(*S, statemachine.Entry) statemachine.Result) *Memory[S] {
	return &Memory[S]{apply: apply, phase: plugins.ErrNotOpen}
}

// Read calls f with the state, which f must not change; slices and maps of it that apply changes
// in place are f's until it returns alone. It returns an error of package plugins, and does not call f, unless the state
// machine is open.
func (m *Memory[S]) Read(f func(*S)) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.phase == nil {
		f(&m.state)
	}
	return m.phase
}

// Open implements statemachine.StateMachine, for one without settings. Nothing is kept across
// processes.
func (m *Memory[S]) Open(_ context.Context, opts plugins.Options) (uint64, error) {
	return 0, m.OpenWith(opts, &struct{}{})
}

// OpenWith is Open for a state machine with settings, which section.Decode reads into the struct
// that config points to.
func (m *Memory[S]) OpenWith(opts plugins.Options, config any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.phase {
	case nil:
		return fmt.Errorf("%w: open twice", plugins.ErrInvalidArgument)
	case plugins.ErrClosed:
		return m.phase
	}
	if err := section.Decode(opts.Config, config); err != nil {
		return err
	}
	m.phase = nil
	return nil
}

// Apply implements statemachine.StateMachine.
func (m *Memory[S]) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase != nil {
		return nil, m.phase
	}
	results := make([]statemachine.Result, len(b.Entries))
	for i, e := range b.Entries {
		if e.Index <= m.applied {
			results[i].Skipped = true
			continue
		}
		results[i], m.applied = m.apply(&m.state, e), e.Index
	}
	m.applied = max(m.applied, b.Through)
	return results, nil
}

// image is a snapshot.
type image[S any] struct {
	Applied uint64
	State   *S
}

// encoded is an image of an index as JSON.
type encoded struct {
	index uint64
	raw   []byte
}

func (e encoded) Index() uint64 { return e.index }
func (e encoded) Release()      {}

func (e encoded) Save(_ context.Context, w io.Writer) error {
	_, err := w.Write(e.raw)
	return err
}

// PrepareSnapshot implements statemachine.StateMachine.
func (m *Memory[S]) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.phase != nil {
		return nil, m.phase
	}
	raw, err := json.Marshal(image[S]{m.applied, &m.state})
	if err != nil {
		return nil, fmt.Errorf("snapshot at %d: %w", m.applied, err)
	}
	return encoded{m.applied, raw}, nil
}

// StateHash implements statemachine.Hasher: the SHA-256 of the state as a snapshot has it. So a
// state with the same snapshot has the same hash, and what no snapshot keeps has no part in it.
// A state that cannot be written as JSON has no snapshot, and the hash is of the reason.
func (m *Memory[S]) StateHash() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	raw, err := json.Marshal(&m.state)
	if err != nil {
		raw = []byte(err.Error())
	}
	sum := sha256.Sum256(raw)
	return sum[:]
}

// Restore implements statemachine.StateMachine.
func (m *Memory[S]) Restore(_ context.Context, index uint64, r io.Reader) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase != nil {
		return m.phase
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("restore at %d: %w", index, err)
	}
	var i image[S]
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields() // of a build that keeps more
	if err := d.Decode(&i); err != nil {
		return fmt.Errorf("%w: %w", statemachine.ErrBadSnapshot, err)
	}
	if i.State == nil || i.Applied != index || d.More() {
		return fmt.Errorf("%w: %d bytes with applied index %d, want %d", statemachine.ErrBadSnapshot, len(raw), i.Applied, index)
	}
	m.applied, m.state = index, *i.State
	return nil
}

// Close implements statemachine.StateMachine.
func (m *Memory[S]) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase = plugins.ErrClosed
	return nil
}
