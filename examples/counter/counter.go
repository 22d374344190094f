package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// counter is the state machine. A command is a decimal number, which is added
// to the value; its result is the new value. A query is "value" or empty.
type counter struct {
	log  *slog.Logger
	step func(path, name string) error // see stateFile; for tests

	mu      sync.RWMutex // Query runs concurrently with everything else
	file    *stateFile   // nil unless open
	ended   bool
	state   state
	durable uint64 // applied index of the state on disk

	saving sync.Mutex // is held by one write of the file; taken before mu
}

// saveEvery is how many entries may be applied that are in memory alone. The host gives them
// again after an end of the process.
const saveEvery = 1000

func (c *counter) Describe() plugins.Info {
	return plugins.Info{
		Kind:      plugins.StateMachine,
		Name:      "counter",
		Version:   version,
		Protocols: []uint32{plugins.ProtocolVersion},

		Capabilities:    []plugins.Capability{statemachine.CapabilityDurable},
		CommandVersions: plugins.Versions{Greatest: greatest},
		StateHash:       "value",
	}
}

// Classes makes taking away something for administrators, where clients have roles. A
// command has one form, and its first byte says what it does: only so a prefix is a
// guard.
func (c *counter) Classes() []statemachine.Class {
	return []statemachine.Class{{Prefix: []byte("-"), Role: statemachine.RoleAdminister}}
}

// Open reads the state that a process before this one has left. The host
// replays the log from there.
func (c *counter) Open(_ context.Context, opts plugins.Options) (uint64, error) {
	if cfg := string(bytes.TrimSpace(opts.Config)); cfg != "" && cfg != "{}" && cfg != "null" {
		return 0, fmt.Errorf("%w: counter takes no config", plugins.ErrInvalidConfig)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil || c.ended {
		return 0, fmt.Errorf("open: %w: opened before", plugins.ErrInvalidArgument)
	}
	file := &stateFile{path: filepath.Join(opts.DataDir, "counter"), cluster: opts.ClusterID, node: opts.NodeID, step: c.step}
	found, err := file.read()
	if err != nil {
		return 0, err
	}
	c.file, c.state, c.durable = file, found, found.applied
	c.log.Info("counter opened", "applied", found.applied, "value", found.value)
	return found.applied, nil
}

// usable is called with the lock held.
func (c *counter) usable() error {
	switch {
	case c.ended:
		return plugins.ErrClosed
	case c.file == nil:
		return plugins.ErrNotOpen
	}
	return nil
}

// Apply changes the state in memory, and saves it after many entries. If that fails, it is
// unknown which state is on disk: the error ends the process, the host starts another one
// and replays.
func (c *counter) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	results, far, err := c.apply(b)
	if err == nil && far {
		_, err = c.Sync(ctx)
	}
	return results, err
}

// apply tells also whether the state is far ahead of that on disk.
func (c *counter) apply(b statemachine.Batch) (results []statemachine.Result, far bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return nil, false, err
	}
	next := c.state
	results = make([]statemachine.Result, len(b.Entries))
	for i, entry := range b.Entries {
		if entry.Index <= next.applied {
			results[i].Skipped = true
			continue
		}
		results[i] = next.add(entry.Data, weight(b.Version))
		next.applied = entry.Index
	}
	next.applied = max(next.applied, b.Through)
	c.state = next
	return results, next.applied-c.durable >= saveEvery, nil
}

// DurableIndex is the index of the state on disk.
func (c *counter) DurableIndex() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.durable
}

// Sync saves the state. Apply and queries go on meanwhile.
func (c *counter) Sync(context.Context) (uint64, error) {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.RLock()
	now, err := c.state, c.usable()
	c.mu.RUnlock()
	if err != nil {
		return 0, err
	}
	return now.applied, c.save(now)
}

// save puts a state on disk. c.saving must be held.
func (c *counter) save(s state) error {
	if err := c.file.write(s); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.durable = s.applied
	return nil
}

// StateHash lets the host find replicas that have parted. A value so small is its own hash.
func (c *counter) StateHash() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return binary.BigEndian.AppendUint64(nil, uint64(c.state.value))
}

func (c *counter) Query(_ context.Context, data []byte) ([]byte, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if err := c.usable(); err != nil {
		return nil, err
	}
	if q := string(data); q != "" && q != "value" {
		return nil, fmt.Errorf("%w: %.32q, want \"value\"", statemachine.ErrInvalidQuery, q)
	}
	return strconv.AppendInt(nil, c.state.value, 10), nil
}

func (c *counter) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return snapshot(c.state), c.usable()
}

// Restore puts the new state on disk before it returns, in the one step by which the file is
// replaced.
func (c *counter) Restore(_ context.Context, index uint64, r io.Reader) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.RLock()
	err := c.usable()
	c.mu.RUnlock()
	if err != nil {
		return err
	}
	// One byte more than a snapshot has shows what is too long.
	raw, err := io.ReadAll(io.LimitReader(r, int64(snapshotBytes)+1))
	if err != nil {
		return err
	}
	restored, err := decodeSnapshot(raw)
	if err != nil || restored.applied != index {
		return fmt.Errorf("%w: %d bytes, of index %d", statemachine.ErrBadSnapshot, len(raw), restored.applied)
	}
	if err := c.save(restored); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = restored
	return nil
}

// Close writes nothing: the host has called Sync before, and gives the rest again.
func (c *counter) Close(context.Context) error {
	c.saving.Lock()
	defer c.saving.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	return nil
}
