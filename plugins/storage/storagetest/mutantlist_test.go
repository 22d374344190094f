package storagetest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// allMutants are the faults that the kit must find.
func allMutants() []mutant {
	return slices.Concat(describeMutants(), logMutants(), openMutants(), snapshotMutants(), spaceMutants())
}

// describeMutants are faults of what a store says of itself.
func describeMutants() []mutant {
	return []mutant{
		{name: "IsOfAnotherKind", part: "Describe", describe: func(_ *mutantStore, i plugins.Info) plugins.Info {
			i.Kind = plugins.Transport
			return i
		}},
		{name: "SpeaksAnotherProtocol", part: "Describe", describe: func(_ *mutantStore, i plugins.Info) plugins.Info {
			i.Protocols = []uint32{plugins.ProtocolVersion + 1}
			return i
		}},
		{name: "HasNoVersion", part: "Describe", describe: func(_ *mutantStore, i plugins.Info) plugins.Info {
			i.Version = ""
			return i
		}},
		{name: "DescribesItselfAnew", part: "Describe", describe: func(m *mutantStore, i plugins.Info) plugins.Info {
			i.Version += strconv.Itoa(m.described)
			return i
		}},
	}
}

// logMutants are faults of the log and the hard state.
func logMutants() []mutant {
	return []mutant{
		{name: "AcksBeforeItSyncs", part: "Reopen", append: appendUnsynced},
		{name: "ForgetsTheVote", part: "HardState", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			return m.Memory.Append(ctx, mapHardStates(b, func(hs storage.HardState) storage.HardState { hs.Vote = 0; return hs }))
		}},
		{name: "ForgetsTheTerm", part: "HardState", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			return m.Memory.Append(ctx, mapHardStates(b, func(hs storage.HardState) storage.HardState { hs.Term = min(hs.Term, 1); return hs }))
		}},
		{name: "MixesHardStates", part: "HardState", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.Memory.Append(ctx, mapHardStates(b, func(hs storage.HardState) storage.HardState {
				if hs != (storage.HardState{}) {
					hs.Term, hs.Commit = max(hs.Term, m.hard.Term), max(hs.Commit, m.hard.Commit)
					m.hard = hs
				}
				return hs
			}))
		}},
		{name: "StoresTheHardStateApart", part: "HardState", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			entries := mapHardStates(b, func(storage.HardState) storage.HardState { return storage.HardState{} })
			if err := m.Memory.Append(ctx, entries); err != nil {
				return err
			}
			for _, batch := range b { // and never syncs it
				if err := m.Memory.Append(ctx, []storage.Batch{{HardState: batch.HardState}}); err != nil {
					return err
				}
			}
			return nil
		}},
		{
			name: "ShowsWhatIsInFlight", part: "InFlight", append: appendRemembering,
			read: func(m *mutantStore, ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
				es, err := m.Memory.Read(ctx, lo, hi, maxBytes)
				if e, ok := m.entry(lo); ok && errors.Is(err, storage.ErrUnavailable) {
					return []storage.Entry{e}, nil
				}
				return es, err
			},
		},
		{
			name: "ShowsReplacementsInFlight", part: "InFlight", append: appendRemembering,
			read: func(m *mutantStore, ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
				es, err := m.Memory.Read(ctx, lo, hi, maxBytes)
				for i := range es {
					if e, ok := m.entry(es[i].Index); ok {
						es[i] = e
					}
				}
				return es, err
			},
		},
		{name: "KeepsAConflictingSuffix", part: "Conflict", append: appendKeepingSuffix},
		{name: "IgnoresAGap", part: "Append", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			return unless(m.Memory.Append(ctx, b), plugins.ErrInvalidArgument)
		}},
		{name: "TruncatesData", part: "Limits", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			cut := slices.Clone(b)
			for i := range cut {
				cut[i].Entries = slices.Clone(cut[i].Entries)
				for k := range cut[i].Entries {
					data := cut[i].Entries[k].Data
					cut[i].Entries[k].Data = data[:min(len(data), 1<<20)]
				}
			}
			return m.Memory.Append(ctx, cut)
		}},
		{name: "ReadsBeyondTheLimit", part: "Limits", read: func(m *mutantStore, ctx context.Context, lo, hi, _ uint64) ([]storage.Entry, error) {
			return m.Memory.Read(ctx, lo, hi, math.MaxUint64)
		}},
		{name: "ReadsNothingBehindTheEnd", part: "Append", read: func(m *mutantStore, ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
			es, err := m.Memory.Read(ctx, lo, hi, maxBytes)
			return es, unless(err, storage.ErrUnavailable)
		}},
		{name: "ReadsWhatIsCompacted", part: "Compact", read: func(m *mutantStore, ctx context.Context, lo, hi, maxBytes uint64) ([]storage.Entry, error) {
			es, err := m.Memory.Read(ctx, lo, hi, maxBytes)
			return es, unless(err, storage.ErrCompacted)
		}},
		{name: "AnswersTheWrongFirstIndex", part: "Compact", compact: func(m *mutantStore, ctx context.Context, index uint64) (uint64, error) {
			first, err := m.Memory.Compact(ctx, index)
			return first - 1, err
		}},
		{name: "CompactsOneTooMany", part: "Compact", compact: func(m *mutantStore, ctx context.Context, index uint64) (uint64, error) {
			if _, err := m.Memory.Compact(ctx, index+1); err == nil {
				return index + 1, nil
			}
			return m.Memory.Compact(ctx, index)
		}},
	}
}

// spaceMutants are faults of the report on space.
func spaceMutants() []mutant {
	lie := func(change func(*storage.Space)) func(m *mutantStore, ctx context.Context) (storage.Space, error) {
		return func(m *mutantStore, ctx context.Context) (storage.Space, error) {
			sp, err := m.Memory.Space(ctx)
			change(&sp)
			return sp, err
		}
	}
	return []mutant{
		{name: "ShortWithoutAReason", part: "Space", space: lie(func(sp *storage.Space) { sp.Detail = "" })},
		{name: "AReasonWithoutBeingShort", part: "Space", space: lie(func(sp *storage.Space) { sp.Detail = "none" })},
		{name: "SpeaksOfSpaceWhenItIsClosed", part: "Space", space: func(m *mutantStore, ctx context.Context) (storage.Space, error) {
			sp, err := m.Memory.Space(ctx)
			return sp, unless(err, plugins.ErrClosed)
		}},
		{name: "RefusesAppendsWhenItIsShort", part: "Space", append: func(m *mutantStore, ctx context.Context, b []storage.Batch) error {
			if sp, err := m.Memory.Space(ctx); err != nil || sp.Short {
				return errors.Join(err, storage.ErrNoSpace)
			}
			return m.Memory.Append(ctx, b)
		}},
	}
}

// openMutants are faults of the answer of Open, of the lock and of the end.
func openMutants() []mutant {
	return []mutant{
		{name: "AnotherIDAtEachOpen", part: "StoreID", open: changeState(func(s *storage.State) { s.StoreID = rand.Uint64() })},
		{name: "TheSameIDEverywhere", part: "StoreID", open: changeState(func(s *storage.State) { s.StoreID = 7 })},
		{name: "IsWhatItWasInAWipedDirectory", part: "StoreID", keepsWiped: true},
		{name: "NoID", part: "StoreID", open: changeState(func(s *storage.State) { s.StoreID = 0 })},
		{name: "IgnoresTheIDOfAMovedStore", part: "StoreID", open: func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
			o.StoreID = 0
			return m.Memory.Open(ctx, o)
		}},
		{name: "SaysThatItServesASecondGroup", part: "Reopen", open: func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
			s, err := m.Memory.Open(ctx, o)
			return s, unless(err, plugins.ErrInvalidArgument)
		}},
		{name: "BeginsATermTwice", part: "Conflict", open: changeState(func(s *storage.State) {
			if s.FirstIndex > 1 && s.Terms[len(s.Terms)-1].Index != s.FirstIndex {
				s.Terms = slices.Insert(s.Terms, 1, storage.TermBoundary{Index: s.FirstIndex, Term: s.Terms[0].Term})
			}
		})},
		{name: "WrongFirstIndexAfterCompaction", part: "Compact", open: changeState(func(s *storage.State) {
			if s.FirstIndex > 1 {
				s.FirstIndex++
				s.Terms[0].Index++
			}
		})},
		{name: "MergesTermBoundaries", part: "Conflict", open: changeState(func(s *storage.State) {
			if n := len(s.Terms); n > 2 {
				s.Terms = slices.Delete(s.Terms, 1, 2)
			}
		})},
		{name: "TermOfTheCompactedIndexIsZero", part: "Compact", open: changeState(func(s *storage.State) { s.Terms[0].Term = 0 })},
		{name: "CommitBeyondTheLog", part: "HardState", open: changeState(func(s *storage.State) { s.HardState.Commit++ })},
		{name: "AcceptsASecondOpener", part: "Lock", open: func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
			s, err := m.Memory.Open(ctx, o)
			if errors.Is(err, storage.ErrLocked) {
				return storage.State{FirstIndex: 1, Terms: []storage.TermBoundary{{}}}, nil
			}
			return s, err
		}},
		{name: "LockWithoutAHolder", part: "Lock", open: func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
			s, err := m.Memory.Open(ctx, o)
			if errors.Is(err, storage.ErrLocked) {
				err = storage.ErrLocked
			}
			return s, err
		}},
		{name: "OpensDataOfAnother", part: "Reopen", open: func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
			o.ClusterID, o.NodeID = 1, 1
			return m.Memory.Open(ctx, o)
		}},
		{name: "TakesEntriesOfAnySize", part: "Limits", open: func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
			o.Limits.MaxEntryBytes, o.Limits.MaxBatchBytes = 1<<30, 1<<30
			return m.Memory.Open(ctx, o)
		}},
		{name: "GoesOnAfterClose", part: "Reopen", closeStore: func(*mutantStore, context.Context) error { return nil }},
	}
}

// snapshotMutants are faults of snapshots.
func snapshotMutants() []mutant {
	return []mutant{
		{name: "ShowsASnapshotBeforeItsCommit", part: "Snapshot", create: createShown, list: listWithBegun},
		{name: "LosesTheReceivedFlag", part: "Install", create: func(m *mutantStore, ctx context.Context, meta storage.SnapshotMetadata, _ bool) (storage.SnapshotWriter, error) {
			return m.Memory.CreateSnapshot(ctx, meta, false)
		}},
		{name: "KeepsOnlyOneSnapshot", part: "Snapshot", list: func(m *mutantStore, ctx context.Context) ([]storage.SnapshotInfo, error) {
			infos, err := m.Memory.ListSnapshots(ctx)
			return infos[max(0, len(infos)-1):], err
		}},
		{name: "OpensTheOldestSnapshot", part: "Snapshot", openSnap: func(m *mutantStore, ctx context.Context, index uint64) (storage.SnapshotReader, error) {
			if infos, err := m.Memory.ListSnapshots(ctx); err == nil && index == 0 && len(infos) > 0 {
				index = infos[0].Metadata.Index
			}
			return m.Memory.OpenSnapshot(ctx, index)
		}},
		{name: "EndsASnapshotEarly", part: "Snapshot", openSnap: func(m *mutantStore, ctx context.Context, index uint64) (storage.SnapshotReader, error) {
			r, err := m.Memory.OpenSnapshot(ctx, index)
			if err != nil {
				return nil, err
			}
			return &shortReader{SnapshotReader: r, left: 100_000}, nil
		}},
		{name: "HasOneWriterAtATime", part: "Snapshot", create: func(m *mutantStore, ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.writer != nil {
				_ = m.writer.Abort()
			}
			w, err := m.Memory.CreateSnapshot(ctx, meta, received)
			m.writer = w
			return w, err
		}},
		{name: "SaysNoSum", part: "Snapshot", create: createSaying(func(i *storage.SnapshotInfo) { i.Sha256 = nil })},
		{name: "SumsTheIndexUpToo", part: "Snapshot", create: createSaying(func(i *storage.SnapshotInfo) {
			sum := sha256.Sum256(append([]byte{byte(i.Metadata.Index)}, i.Sha256...))
			i.Sha256 = sum[:]
		})},
		{name: "ForgetsTheSumOverARestart", part: "Snapshot", open: changeState(func(s *storage.State) {
			for i := range s.Snapshots {
				s.Snapshots[i].Sha256 = nil
			}
		})},
		{name: "InstallForgetsTheHardState", part: "Install", install: func(m *mutantStore, ctx context.Context, index uint64, hs storage.HardState) error {
			return m.Memory.InstallSnapshot(ctx, index, storage.HardState{Commit: hs.Commit})
		}},
		{name: "InstallOnlySaysSo", part: "Install", install: func(*mutantStore, context.Context, uint64, storage.HardState) error { return nil }},
	}
}

// unless hides one error.
func unless(err, hidden error) error {
	if errors.Is(err, hidden) {
		return nil
	}
	return err
}

// appendUnsynced stores a batch only in memory.
func appendUnsynced(m *mutantStore, ctx context.Context, b []storage.Batch) error {
	b = slices.Clone(b)
	for i := range b {
		b[i].MustSync = false
	}
	return m.Memory.Append(ctx, b)
}

func mapHardStates(b []storage.Batch, f func(storage.HardState) storage.HardState) []storage.Batch {
	b = slices.Clone(b)
	for i := range b {
		b[i].HardState = f(b[i].HardState)
	}
	return b
}

// appendRemembering notes what it appends before that is durable.
func appendRemembering(m *mutantStore, ctx context.Context, b []storage.Batch) error {
	m.remember(b)
	return m.Memory.Append(ctx, b)
}

// appendKeepingSuffix overwrites entries in place and leaves those after them.
func appendKeepingSuffix(m *mutantStore, ctx context.Context, b []storage.Batch) error {
	if err := m.Memory.Append(ctx, b); err != nil {
		return err
	}
	var kept []storage.Entry
	if n := len(b[len(b)-1].Entries); n > 0 {
		last := b[len(b)-1].Entries[n-1]
		for i := last.Index + 1; ; i++ {
			e, ok := m.entry(i)
			if !ok {
				break
			}
			e.Term = max(e.Term, last.Term)
			kept = append(kept, e)
		}
	}
	m.remember(b)
	if len(kept) == 0 {
		return nil
	}
	return m.Memory.Append(ctx, []storage.Batch{{Entries: kept, MustSync: true}})
}

// changeState changes the answer of Open.
func changeState(f func(*storage.State)) func(*mutantStore, context.Context, plugins.Options) (storage.State, error) {
	return func(m *mutantStore, ctx context.Context, o plugins.Options) (storage.State, error) {
		s, err := m.Memory.Open(ctx, o)
		if err == nil {
			f(&s)
		}
		return s, err
	}
}

// createSaying changes what a commit answers.
func createSaying(change func(*storage.SnapshotInfo)) func(*mutantStore, context.Context, storage.SnapshotMetadata, bool) (storage.SnapshotWriter, error) {
	return func(m *mutantStore, ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
		w, err := m.Memory.CreateSnapshot(ctx, meta, received)
		return sayingWriter{w, change}, err
	}
}

type sayingWriter struct {
	storage.SnapshotWriter
	change func(*storage.SnapshotInfo)
}

func (w sayingWriter) Commit() (storage.SnapshotInfo, error) {
	info, err := w.SnapshotWriter.Commit()
	w.change(&info)
	return info, err
}

func createShown(m *mutantStore, ctx context.Context, meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	w, err := m.Memory.CreateSnapshot(ctx, meta, received)
	if err != nil || received {
		return w, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun = append(m.begun, storage.SnapshotInfo{Metadata: meta})
	return w, nil
}

// listWithBegun lists also what is still being written.
func listWithBegun(m *mutantStore, ctx context.Context) ([]storage.SnapshotInfo, error) {
	infos, err := m.Memory.ListSnapshots(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.begun {
		if !slices.ContainsFunc(infos, func(i storage.SnapshotInfo) bool { return i.Metadata.Index >= b.Metadata.Index }) {
			infos = append(infos, b)
		}
	}
	return infos, err
}

// shortReader ends without an error before the end.
type shortReader struct {
	storage.SnapshotReader
	left int
}

func (r *shortReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.SnapshotReader.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}
