package server

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/pontoon-raft/pontoon/internal/defaults"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tick     = 100 * time.Millisecond
	election = time.Second
)

// world is a Server with all that surrounds it: a storage without files, state
// machines that fail as told, and a raft node that does not run; the test
// commits what raft would commit.
type world struct {
	t        *testing.T
	s        *Server
	source   *source
	store    *storagetest.Memory
	node     *node.Node
	core     *node.Core // under node
	registry *member.Registry
	last     uint64
	time     uint64 // of snapshots
	format   uint32 // of snapshots
}

// newWorld starts a server at an empty log. Tests run it in a synctest bubble.
func newWorld(t *testing.T, tune func(*Config)) *world {
	return newWorldAfter(t, tune, func(*Server) {})
}

// newWorldAfter is newWorld with something done to the server before its start.
func newWorldAfter(t *testing.T, tune func(*Config), before func(*Server)) *world {
	w := &world{t: t, source: &source{}}
	registry, err := (&member.Registry{}).Apply(member.Change{Op: member.Add, Member: self}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.registry = registry.Register(member.Registration{Number: 0xf00d})
	cfg := Config{
		ClusterID: 7, ID: 1, Name: "n1", Tick: tick, Election: election,
		Limits: plugins.DefaultLimits(), StateMachine: w.source,
		MaxValueBytes: defaults.MaxValueBytes, MaxPending: defaults.MaxPending, MaxPendingBytes: defaults.MaxPendingBytes,
		SnapshotEntries: defaults.SnapshotEntries, SnapshotBytes: defaults.SnapshotBytes, CatchUpBytes: defaults.CatchUpBytes,
	}
	if tune != nil {
		tune(&cfg)
	}
	w.s = New(cfg)
	w.store = storagetest.NewMemory()
	before(w.s)
	w.s.Start()
	t.Cleanup(w.stop)
	w.open()
	w.attach()
	synctest.Wait() // the first state machine runs
	return w
}

var self = member.Member{ID: 1, Name: "n1", PeerURLs: []string{"http://n1:1"}}

// joined makes a second voter known.
func (w *world) joined() {
	w.t.Helper()
	other := member.Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}
	registry, err := w.registry.Apply(member.Change{Op: member.Add, Member: other}, 1, 1)
	if err != nil {
		w.t.Fatal(err)
	}
	w.registry = registry.Register(member.Registration{Number: 0xf00d})
}

func (w *world) stop() {
	w.s.Detach(ErrStopped)
	for _, m := range w.source.all() {
		m.release()
	}
	if err := w.s.StopApplying(context.Background()); err != nil {
		w.t.Error(err)
	}
	w.s.Stop()
	if n := w.s.Pending(); n != 0 || len(w.s.waiters) != 0 || w.s.occupied.bytes.Load() != 0 {
		w.t.Errorf("%d requests and %d bytes are left behind", n, w.s.occupied.bytes.Load())
	}
}

func (w *world) open() storage.State {
	w.t.Helper()
	st, err := w.store.Open(context.Background(), plugins.Options{
		ClusterID: 7, NodeID: 1, Group: 1, DataDir: "store", Limits: plugins.DefaultLimits(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

// attach gives the server a node over the store as it is.
func (w *world) attach() {
	w.t.Helper()
	st, err := w.state()
	if err != nil {
		w.t.Fatal(err)
	}
	var snapshot uint64
	registry := (*member.Registry)(nil)
	if n := len(st.Snapshots); n > 0 {
		snapshot, registry = st.Snapshots[n-1].Metadata.Index, w.registry
	}
	var entries []storage.Entry
	if snapshot < st.LastIndex {
		if entries, err = w.store.Read(context.Background(), snapshot+1, st.LastIndex+1, 1<<30); err != nil {
			w.t.Fatal(err)
		}
	}
	core, err := node.NewCore(tabled(node.Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(),
		State: st, Entries: entries, Registry: registry, Level: member.Level,
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	w.core, w.node = core, node.New(core, nil)
	w.s.Attach(w.node, w.store, snapshot, registry)
	w.s.progress.seed(w.registry) // it has applied that it was added
}

// tabled is a configuration with the numbers of the host's table in the place of zeros.
func tabled(c node.Config) node.Config {
	defaults.Or(&c.MaxAppends, defaults.MaxInflightAppends)
	defaults.Or(&c.MaxPending, defaults.MaxPending)
	defaults.Or(&c.MaxPendingBytes, defaults.MaxPendingBytes)
	return c
}

// state reads the store anew, by closing and opening another over its disk.
func (w *world) state() (storage.State, error) {
	if err := w.store.Close(context.Background()); err != nil {
		return storage.State{}, err
	}
	w.store = w.store.Disk().Store()
	return w.open(), nil
}

// rebuild is a failure of the storage: a new generation over the same disk.
func (w *world) rebuild() {
	w.t.Helper()
	w.s.Detach(ErrStorageRestart)
	w.attach()
}

// entry makes the stored form of a command.
func entry(index uint64, id node.RequestID, text string) storage.Entry {
	b := []byte{1}
	b = binary.BigEndian.AppendUint64(b, uint64(id.Origin))
	b = binary.BigEndian.AppendUint64(b, id.Number)
	return storage.Entry{Term: 1, Index: index, Data: append(b, text...)}
}

// commit writes commands of another member to the log and commits each in a
// run of its own.
func (w *world) commit(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		w.commitAs(node.RequestID{Origin: 99, Number: w.last + 1}, text)
	}
}

func (w *world) commitAs(id node.RequestID, text string) {
	w.t.Helper()
	w.last++
	err := w.store.Append(context.Background(), []storage.Batch{{
		Entries:   []storage.Entry{entry(w.last, id, text)},
		HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true,
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(node.Command{ID: id, Index: w.last, Data: []byte(text)})
}

// apply hands out a run, as raft does.
func (w *world) apply(commands ...node.Command) {
	first, last := commands[0].Index, commands[len(commands)-1].Index
	a := node.Apply{First: first, Last: last, Term: 1, Commands: commands, Before: w.registry, Registry: w.registry}
	for _, c := range commands {
		a.Bytes += uint64(len(c.Data)) + 32
	}
	w.s.Apply(a)
}

// again hands out entries [lo, hi] once more, as raft does after a rebuild.
func (w *world) again(lo, hi uint64) {
	w.t.Helper()
	entries, err := w.store.Read(context.Background(), lo, hi+1, 1<<30)
	if err != nil {
		w.t.Fatal(err)
	}
	commands, err := node.Commands(entries)
	if err != nil {
		w.t.Fatal(err)
	}
	w.apply(commands...)
}

// snapshot stores one of a state that has these texts, at index.
func (w *world) snapshot(index uint64, received bool, texts ...string) {
	w.t.Helper()
	ctx := context.Background()
	reg := statemachinetest.NewRegister()
	b := statemachine.Batch{Through: index}
	for i, text := range texts {
		b.Entries = append(b.Entries, statemachine.Entry{Index: uint64(i + 1), Data: []byte(text)})
	}
	_, err := reg.Open(ctx, plugins.Options{})
	if err == nil {
		_, err = reg.Apply(ctx, b)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	sn, err := reg.PrepareSnapshot(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	meta := storage.SnapshotMetadata{Index: index, Term: 1, ConfState: storage.ConfState{Voters: w.registry.Voters()}}
	sw, err := w.store.CreateSnapshot(ctx, meta, received)
	if err != nil {
		w.t.Fatal(err)
	}
	header := &SnapshotHeader{Version: 1, ClusterID: 7, Index: index, Term: 1, StateMachine: "register", Registry: w.registry, Time: w.time, Format: w.format}
	if err := errors.Join(header.Encode(sw), sn.Save(ctx, sw)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := sw.Commit(); err != nil {
		w.t.Fatal(err)
	}
	sn.Release()
}

// install makes a received snapshot the start of the log.
func (w *world) install(index uint64, texts ...string) {
	w.t.Helper()
	w.snapshot(index, true, texts...)
	if err := w.store.InstallSnapshot(context.Background(), index, storage.HardState{Term: 1, Commit: index}); err != nil {
		w.t.Fatal(err)
	}
	w.last = index
}

// wantState checks what the present state machine has.
func (w *world) wantState(texts ...string) {
	w.t.Helper()
	var have []string
	for _, e := range w.source.current().Entries() {
		have = append(have, string(e.Data))
	}
	if !slices.Equal(have, texts) {
		w.t.Errorf("state is %q, want %q", have, texts)
	}
}

// source starts state machines: by default each one empty.
type source struct {
	mu       sync.Mutex
	machines []*machine
	forgiven atomic.Int32                  // calls of Forgive
	sparse   bool                          // see machine
	alone    bool                          // two cannot be open at once
	prepare  func(n int, m *machine) error // before the n-th starts, from 0
}

// keepState has each state machine begin with what the one before it has: it lives
// on disk.
func (s *source) keepState() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepare = func(n int, m *machine) error {
		m.Register = s.machines[n-1].Successor()
		return nil
	}
}

// Beside implements StateMachineSource.
func (s *source) Beside(ctx context.Context) (RunningStateMachine, error) {
	if s.alone {
		return nil, fmt.Errorf("%w: a test wants it so", ErrNotBeside)
	}
	return s.Start(ctx)
}

// Start implements StateMachineSource.
func (s *source) Start(ctx context.Context) (RunningStateMachine, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &machine{Register: statemachinetest.NewRegister(), done: make(chan struct{}), hold: make(chan struct{}), sparse: s.sparse}
	if s.prepare != nil {
		if err := s.prepare(len(s.machines), m); err != nil {
			return nil, err
		}
	}
	applied, err := m.Register.Open(ctx, plugins.Options{})
	if err != nil {
		return nil, err
	}
	m.applied = applied
	s.machines = append(s.machines, m)
	return m, nil
}

// Forgive implements StateMachineSource.
func (s *source) Forgive() { s.forgiven.Add(1) }

func (s *source) all() []*machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.machines)
}

// current is the newest that has not ended, or the newest.
func (s *source) current() *machine {
	all := s.all()
	for i := len(all) - 1; i >= 0; i-- {
		if !pause.Over(all[i].done) {
			return all[i]
		}
	}
	return all[len(all)-1]
}

// machine is a Register with a process around it.
type machine struct {
	*statemachinetest.Register
	applied uint64
	done    chan struct{}
	once    sync.Once
	hold    chan struct{}
	free    sync.Once

	hash     func() []byte // in the place of the Register's
	apply    func(statemachine.Batch, []statemachine.Result) ([]statemachine.Result, error)
	restore  func(index uint64) error // before it has an effect
	query    func(context.Context)
	asked    func(ctx context.Context, data string) // before a query has an answer
	chunks   func(send func([]byte) error) error    // in the place of the Register's
	progress atomic.Int32                           // calls of Progressed
	sparse   bool                                   // not every entry is a command
	outside  bool                                   // an operator ended it
	ahead    uint64                                 // what a prepared snapshot claims to be ahead

	sync      func(context.Context) error // before it has an effect; may be nil
	synced    func()                      // before it answers; may be nil
	snapshot  func(statemachine.Snapshot) statemachine.Snapshot
	preparing func() error // an error ends the state machine
	pipeline  func(statemachine.Applier) statemachine.Applier
}

// Applier implements statemachine.Streamer.
func (m *machine) Applier(ctx context.Context) (statemachine.Applier, error) {
	a := statemachine.NewApplier(ctx, m)
	if m.pipeline != nil {
		a = m.pipeline(a)
	}
	return a, nil
}

func (m *machine) Applied() uint64       { return m.applied }
func (m *machine) Done() <-chan struct{} { return m.done }
func (m *machine) Err() error            { return errors.New("killed by a test") }
func (m *machine) FromOutside() bool     { return m.outside }
func (m *machine) Progressed()           { m.progress.Add(1) }

// TakePlace implements RunningStateMachine.
func (m *machine) TakePlace() bool { return !pause.Over(m.done) }

// Fail implements RunningStateMachine.
func (m *machine) Fail(error) { m.Kill() }

// Retire implements RunningStateMachine.
func (m *machine) Retire() { m.Kill() }

// Kill is the end of the process.
func (m *machine) Kill() {
	m.once.Do(func() {
		m.Crash()
		close(m.done)
	})
}

func (m *machine) release() { m.free.Do(func() { close(m.hold) }) }

func (m *machine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	if have := m.Register.Applied(); !m.sparse && len(b.Entries) > 0 && b.Entries[0].Index > have+1 {
		return nil, fmt.Errorf("gap: entry %d after %d", b.Entries[0].Index, have)
	}
	results, err := m.Register.Apply(ctx, b)
	if err == nil && m.apply != nil {
		return m.apply(b, results)
	}
	return results, err
}

func (m *machine) Restore(ctx context.Context, index uint64, r io.Reader) error {
	if m.restore != nil {
		if err := m.restore(index); err != nil {
			return err
		}
	}
	return m.Register.Restore(ctx, index, r)
}

func (m *machine) StateHash() []byte {
	if m.hash != nil {
		return m.hash()
	}
	return m.Register.StateHash()
}

func (m *machine) Sync(ctx context.Context) (uint64, error) {
	if m.sync != nil {
		if err := m.sync(ctx); err != nil {
			return 0, err
		}
	}
	durable, err := m.Register.Sync(ctx)
	if m.synced != nil {
		m.synced()
	}
	return durable, err
}

func (m *machine) Query(ctx context.Context, data []byte) ([]byte, error) {
	if m.query != nil {
		m.query(ctx)
	}
	if m.asked != nil {
		m.asked(ctx, string(data))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return m.Register.Query(ctx, data)
}

func (m *machine) QueryStream(ctx context.Context, data []byte, send func([]byte) error) error {
	if m.chunks != nil {
		return m.chunks(send)
	}
	return m.Register.QueryStream(ctx, data, send)
}

func (m *machine) PrepareSnapshot(ctx context.Context) (statemachine.Snapshot, error) {
	sn, err := m.Register.PrepareSnapshot(ctx)
	if err == nil && m.preparing != nil {
		if err := m.preparing(); err != nil {
			return nil, err
		}
	}
	if err == nil && m.snapshot != nil {
		return m.snapshot(sn), nil
	}
	if err == nil && m.ahead > 0 {
		return aheadSnapshot{sn, m.ahead}, nil
	}
	return sn, err
}

type aheadSnapshot struct {
	statemachine.Snapshot
	by uint64
}

func (s aheadSnapshot) Index() uint64 { return s.Snapshot.Index() + s.by }
