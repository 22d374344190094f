package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// entries returns n entries from index first on, of one term, with data that
// differs from entry to entry and from term to term.
func entries(first, n, term uint64) []storage.Entry {
	es := make([]storage.Entry, n)
	for i := range es {
		index := first + uint64(i)
		es[i] = storage.Entry{Index: index, Term: term, Data: fmt.Appendf(nil, "entry %d of term %d", index, term)}
	}
	return es
}

// append appends one batch of entries that must be synced.
func (se *session) append(es ...storage.Entry) {
	se.t.Helper()
	se.appendBatches(storage.Batch{Entries: es, MustSync: true})
}

func (se *session) appendBatches(batches ...storage.Batch) {
	se.t.Helper()
	if err := se.s.Append(se.ctx(), batches); err != nil {
		se.t.Fatalf("Append: %v", err)
	}
}

// refuse expects that an append is refused with want and changes nothing.
func (se *session) refuse(want error, batches ...storage.Batch) {
	se.t.Helper()
	if err := se.s.Append(se.ctx(), batches); !errors.Is(err, want) {
		se.t.Fatalf("Append = %v, want %v", err, want)
	}
}

// expectLog expects that exactly these entries can be read.
func (se *session) expectLog(want ...storage.Entry) {
	se.t.Helper()
	if len(want) == 0 {
		return
	}
	lo, hi := want[0].Index, want[len(want)-1].Index+1
	var got []storage.Entry
	for next := lo; next < hi; next = got[len(got)-1].Index + 1 {
		es, err := se.s.Read(se.ctx(), next, hi, 1<<20)
		if err != nil {
			se.t.Fatalf("Read [%d,%d): %v", next, hi, err)
		}
		if len(es) == 0 {
			se.t.Fatalf("Read [%d,%d) returned nothing", next, hi)
		}
		got = append(got, es...)
	}
	se.equal(got, want)
	if _, err := se.s.Read(se.ctx(), hi, hi+1, math.MaxUint64); !errors.Is(err, storage.ErrUnavailable) {
		se.t.Fatalf("Read [%d,%d) behind the end: %v, want ErrUnavailable", hi, hi+1, err)
	}
}

func (se *session) equal(got, want []storage.Entry) {
	se.t.Helper()
	if len(got) != len(want) {
		se.t.Fatalf("read %d entries, want %d", len(got), len(want))
	}
	for i := range want {
		if !equalEntry(got[i], want[i]) {
			se.t.Fatalf("entry %d is %+v, want %+v", want[i].Index, got[i], want[i])
		}
	}
}

func equalEntry(a, b storage.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

func meta(index, term uint64) storage.SnapshotMetadata {
	return storage.SnapshotMetadata{Index: index, Term: term, ConfState: storage.ConfState{
		Voters: []uint64{1, 2, 3}, Learners: []uint64{4}, VotersOutgoing: []uint64{1, 2}, LearnersNext: []uint64{2}, AutoLeave: true,
	}}
}

// save writes a snapshot with that content.
func (se *session) save(m storage.SnapshotMetadata, received bool, content []byte) storage.SnapshotInfo {
	se.t.Helper()
	w, err := se.s.CreateSnapshot(se.ctx(), m, received)
	if err != nil {
		se.t.Fatalf("CreateSnapshot %d: %v", m.Index, err)
	}
	chunk := int(se.opts.Limits.MaxChunkBytes)
	for rest := content; len(rest) > 0; {
		n, err := w.Write(rest[:min(chunk, len(rest))])
		if err != nil {
			se.t.Fatalf("write snapshot %d: %v", m.Index, err)
		}
		rest = rest[n:]
	}
	info, err := w.Commit()
	if err != nil {
		se.t.Fatalf("commit snapshot %d: %v", m.Index, err)
	}
	se.expectInfo(info, m, content)
	if err := w.Abort(); err != nil {
		se.t.Fatalf("Abort after Commit: %v", err)
	}
	return info
}

func (se *session) expectInfo(info storage.SnapshotInfo, m storage.SnapshotMetadata, content []byte) {
	se.t.Helper()
	got, err1 := info.Metadata.Marshal()
	want, err2 := m.Marshal()
	if err := errors.Join(err1, err2); err != nil {
		se.t.Fatal(err)
	}
	if !bytes.Equal(got, want) || info.Bytes != uint64(len(content)) {
		se.t.Fatalf("snapshot is %+v, want %+v with %d bytes", info, m, len(content))
	}
	if sum := sha256.Sum256(content); !bytes.Equal(info.Sha256, sum[:]) {
		se.t.Fatalf("snapshot %d is said to have SHA-256 %x, and has %x", m.Index, info.Sha256, sum)
	}
}

// expectSnapshot reads the snapshot at index to its end.
func (se *session) expectSnapshot(index uint64, m storage.SnapshotMetadata, content []byte) {
	se.t.Helper()
	r, err := se.s.OpenSnapshot(se.ctx(), index)
	if err != nil {
		se.t.Fatalf("OpenSnapshot %d: %v", index, err)
	}
	se.expectInfo(r.Info(), m, content)
	got, err := io.ReadAll(r)
	if err != nil {
		se.t.Fatalf("read snapshot %d: %v", index, err)
	}
	if !bytes.Equal(got, content) {
		se.t.Fatalf("snapshot %d has other content: %d bytes, want %d", index, len(got), len(content))
	}
	if err := r.Close(); err != nil {
		se.t.Fatalf("close snapshot %d: %v", index, err)
	}
}

// expectNoSnapshot expects that there is none at index.
func (se *session) expectNoSnapshot(index uint64) {
	se.t.Helper()
	if err := tryOpen(se.ctx(), se.s, index); !errors.Is(err, storage.ErrNoSnapshot) {
		se.t.Fatalf("OpenSnapshot %d = %v, want ErrNoSnapshot", index, err)
	}
}

// expectList expects these snapshots, in the answers of ListSnapshots, and returns them.
func (se *session) expectList(indexes ...uint64) []storage.SnapshotInfo {
	se.t.Helper()
	infos, err := se.s.ListSnapshots(se.ctx())
	if err != nil {
		se.t.Fatalf("ListSnapshots: %v", err)
	}
	expectIndexes(se, "ListSnapshots", infos, indexes)
	return infos
}

func expectIndexes(se *session, what string, infos []storage.SnapshotInfo, want []uint64) {
	se.t.Helper()
	var got []uint64
	for _, i := range infos {
		got = append(got, i.Metadata.Index)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		se.t.Fatalf("%s: snapshots at %v, want %v", what, got, want)
	}
}

// expectBounds expects a log of [first,last] and these terms in the answer of
// the last Open.
func (se *session) expectBounds(first, last uint64, terms ...storage.TermBoundary) {
	se.t.Helper()
	if se.state.FirstIndex != first || se.state.LastIndex != last {
		se.t.Fatalf("Open: a log of [%d,%d], want [%d,%d]", se.state.FirstIndex, se.state.LastIndex, first, last)
	}
	if fmt.Sprint(se.state.Terms) != fmt.Sprint(terms) {
		se.t.Fatalf("Open: terms %v, want %v", se.state.Terms, terms)
	}
}

func boundary(index, term uint64) storage.TermBoundary {
	return storage.TermBoundary{Index: index, Term: term}
}

// trySave starts and commits an empty snapshot. An RPC lane may report a
// refusal at Commit only.
func trySave(ctx context.Context, s storage.Storage, m storage.SnapshotMetadata, received bool) error {
	w, err := s.CreateSnapshot(ctx, m, received)
	if err != nil {
		return err
	}
	_, err = w.Commit()
	return err
}

// tryOpen opens and reads a snapshot. An RPC lane may report a refusal at the
// first Read only.
func tryOpen(ctx context.Context, s storage.Storage, index uint64) error {
	r, err := s.OpenSnapshot(ctx, index)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}
