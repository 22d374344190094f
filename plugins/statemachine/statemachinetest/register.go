package statemachinetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/section"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// RefusePrefix begins the data of an entry that a Register refuses; the rest is
// the text of Result.Error.
const RefusePrefix = "refuse:"

// ResultPrefix begins the data of an entry whose result has as many bytes as
// the decimal number after it says.
const ResultPrefix = "result:"

// VersionPrefix begins the data of an entry that a Register keeps with the version of its
// batch, in decimal, and a blank before it.
const VersionPrefix = "version:"

// Register is a state machine whose state is the list of entries that it has
// applied, in order, one that starts with VersionPrefix after the version of its batch.
// The result of an entry is its place in the list in decimal, from 1, or what
// ResultPrefix asks for; an entry that starts with RefusePrefix is refused and leaves no
// trace.
//
// Queries are text: "count", "last" (the data of the last entry), "at N" (that
// of place N), "digest" (a hash over all data in order) and "moment" (term and time of the
// last entry that was not skipped).
//
// All methods may be called concurrently. The zero value is not usable; see
// NewRegister.
type Register struct {
	faults faults
	says   plugins.Info
	disk   *Disk // nil if it keeps its state in memory

	mu      sync.Mutex    // guards what follows
	file    *registerFile // nil without a disk, and before Open
	durable uint64
	syncs   int
	entries []statemachine.Entry
	applied uint64
	last    statemachine.Entry // without its data
	opened  bool
	closed  bool
	moved   chan struct{} // closed and replaced when applied changes
}

// NewRegister returns a Register without entries that is not open yet.
func NewRegister() *Register {
	return &Register{moved: make(chan struct{}), faults: newFaults(), says: plugins.Info{
		Kind:      plugins.StateMachine,
		Name:      "register",
		Version:   "1.0.0",
		Protocols: []uint32{plugins.ProtocolVersion},

		Capabilities: []plugins.Capability{statemachine.CapabilityQueryStreams},
	}}
}

// Announce has Describe announce versions of commands. It comes before everything else.
func (r *Register) Announce(versions plugins.Versions) { r.says.CommandVersions = versions }

// AnnounceFormats has Describe announce formats of snapshots. It comes before everything else.
func (r *Register) AnnounceFormats(formats plugins.SnapshotFormats) {
	r.says.SnapshotFormats = formats
}

// AnnounceHash has Describe name a hash of the state. It comes before everything else.
func (r *Register) AnnounceHash(name string) { r.says.StateHash = name }

// StateHash implements statemachine.Hasher: the digest of the entries.
func (r *Register) StateHash() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return digest(r.entries)
}

// Successor returns a Register that finds, when it is opened, what r has
// applied by now, as a state machine on disk does after a crash. A plain
// NewRegister is as one in memory.
func (r *Register) Successor() *Register {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := NewRegister()
	next.entries, next.applied, next.says, next.disk = slices.Clone(r.entries), r.applied, r.says, r.disk
	return next
}

// Entries returns the applied entries in order, without those that were
// refused. Their Data must not be changed.
func (r *Register) Entries() []statemachine.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

// Applied returns the applied index.
func (r *Register) Applied() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.applied
}

// WaitApplied waits until the applied index is at least index, or ctx ends.
func (r *Register) WaitApplied(ctx context.Context, index uint64) error {
	for {
		r.mu.Lock()
		applied, moved := r.applied, r.moved
		r.mu.Unlock()
		if applied >= index {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("wait for index %d, applied is %d: %w", index, applied, ctx.Err())
		}
	}
}

// Describe implements statemachine.StateMachine.
func (r *Register) Describe() plugins.Info { return r.says }

// Open implements statemachine.StateMachine. A Register takes no config.
func (r *Register) Open(_ context.Context, opts plugins.Options) (uint64, error) {
	if err := r.faults.gone(); err != nil {
		return 0, err
	}
	if err := section.Decode(opts.Config, &struct{}{}); err != nil {
		return 0, fmt.Errorf("register: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, fmt.Errorf("register: %w", plugins.ErrClosed)
	}
	if r.opened {
		return 0, fmt.Errorf("register: %w: open twice", plugins.ErrInvalidArgument)
	}
	if err := r.load(opts); err != nil {
		return 0, err
	}
	r.opened = true
	return r.applied, nil
}

// usable says whether calls may go on. The lock must be held.
func (r *Register) usable() error {
	switch {
	case r.closed:
		return fmt.Errorf("register: %w", plugins.ErrClosed)
	case !r.opened:
		return fmt.Errorf("register: %w", plugins.ErrNotOpen)
	}
	return r.faults.gone()
}

// Apply implements statemachine.StateMachine. It waits while Hold is in force.
func (r *Register) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	if err := r.faults.beforeApply(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return nil, err
	}
	results := make([]statemachine.Result, len(b.Entries))
	for i, entry := range b.Entries {
		results[i] = r.apply(entry, b.Version)
		if err := r.write(); err != nil {
			return nil, err
		}
	}
	r.move(max(r.applied, b.Through))
	return results, r.write()
}

func (r *Register) apply(entry statemachine.Entry, version uint32) statemachine.Result {
	if entry.Index <= r.applied {
		return statemachine.Result{Skipped: true}
	}
	r.applied = entry.Index
	r.last = statemachine.Entry{Index: entry.Index, Term: entry.Term, Time: entry.Time}
	if why, refused := strings.CutPrefix(string(entry.Data), RefusePrefix); refused {
		return statemachine.Result{Error: why}
	}
	if strings.HasPrefix(string(entry.Data), VersionPrefix) {
		entry.Data = fmt.Appendf(nil, "%d %s", version, entry.Data)
	}
	r.entries = append(r.entries, entry)
	if text, asked := strings.CutPrefix(string(entry.Data), ResultPrefix); asked {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= maxRegisterData {
			return statemachine.Result{Data: bytes.Repeat([]byte{byte(len(r.entries))}, n)}
		}
	}
	return statemachine.Result{Data: strconv.AppendInt(nil, int64(len(r.entries)), 10)}
}

// move sets the applied index and wakes those who wait. The lock must be held.
func (r *Register) move(applied uint64) {
	r.applied = applied
	close(r.moved)
	r.moved = make(chan struct{})
}

// Query implements statemachine.StateMachine.
func (r *Register) Query(_ context.Context, data []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return nil, err
	}
	switch string(data) {
	case "count":
		return strconv.AppendInt(nil, int64(len(r.entries)), 10), nil
	case "last":
		return r.at(len(r.entries)), nil
	case "digest":
		return digest(r.entries), nil
	case "moment":
		return fmt.Appendf(nil, "%d %d", r.last.Term, r.last.Time), nil
	}
	if text, ok := strings.CutPrefix(string(data), "at "); ok {
		if place, err := strconv.Atoi(text); err == nil {
			return r.at(place), nil
		}
	}
	return nil, fmt.Errorf("register: %w: %.32q", statemachine.ErrInvalidQuery, data)
}

// at returns the data of a place, nil if there is none.
func (r *Register) at(place int) []byte {
	if place < 1 || place > len(r.entries) {
		return nil
	}
	return slices.Clone(r.entries[place-1].Data)
}

func digest(entries []statemachine.Entry) []byte {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%d\n", len(e.Data))
		h.Write(e.Data)
	}
	return hex.AppendEncode(nil, h.Sum(nil))
}

// Close implements statemachine.StateMachine.
func (r *Register) Close(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}
