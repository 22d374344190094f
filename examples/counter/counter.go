package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
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
	log *slog.Logger

	mu    sync.RWMutex // Query runs concurrently with everything else
	file  *stateFile   // nil unless open
	ended bool
	state state
}

func (c *counter) Describe() plugins.Info {
	return plugins.Info{
		Kind:      plugins.StateMachine,
		Name:      "counter",
		Version:   version,
		Protocols: []uint32{plugins.ProtocolVersion},

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
	file, found, err := openStateFile(filepath.Join(opts.DataDir, "counter"), opts.ClusterID, opts.NodeID)
	if err != nil {
		return 0, err
	}
	c.file, c.state = file, found
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

// Apply writes the value and the applied index together, once per batch. If
// that fails, it is unknown which of them is on disk: the error ends the
// process, the host starts another one and replays.
func (c *counter) Apply(_ context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return nil, err
	}
	next, results := c.state, make([]statemachine.Result, len(b.Entries))
	for i, entry := range b.Entries {
		if entry.Index <= next.applied {
			results[i].Skipped = true
			continue
		}
		results[i] = next.add(entry.Data, weight(b.Version))
		next.applied = entry.Index
	}
	next.applied = max(next.applied, b.Through)
	return results, c.become(next)
}

// StateHash lets the host find replicas that have parted. A value so small is its own hash.
func (c *counter) StateHash() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return binary.BigEndian.AppendUint64(nil, uint64(c.state.value))
}

// become makes next the state, on disk first.
func (c *counter) become(next state) error {
	if next == c.state {
		return nil
	}
	if err := c.file.write(next); err != nil {
		return err
	}
	c.state = next
	return nil
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

func (c *counter) Restore(_ context.Context, index uint64, r io.Reader) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
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
	return c.become(restored)
}

func (c *counter) Close(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil || c.ended {
		c.ended = true
		return nil
	}
	c.ended = true
	return errors.Join(c.file.Sync(), c.file.Close())
}
