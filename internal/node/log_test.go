package node

import (
	"errors"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// The log answers as raft's own memory storage does, whatever happens to it,
// but for entries that only the disk has.
func TestLogAgreesWithMemoryStorage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &log{first: 1, terms: termIndex{bounds: []storage.TermBoundary{{}}}, tailFirst: 1, maxTail: rapid.Uint64Range(0, 400).Draw(t, "tail bytes")}
		ref := raft.NewMemoryStorage()
		term := uint64(1)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				lo := rapid.Uint64Range(max(l.putOut, l.first-1)+1, l.last+1).Draw(t, "from")
				if lo <= l.last {
					term++ // a conflicting suffix has a later term
				}
				var entries []storage.Entry
				for i := range rapid.Uint64Range(1, 5).Draw(t, "count") {
					entries = append(entries, storage.Entry{Term: term, Index: lo + i, Data: make([]byte, rapid.IntRange(0, 50).Draw(t, "size"))})
				}
				l.append(fromEntries(entries))
				if err := ref.Append(fromEntries(entries)); err != nil {
					t.Fatal(err)
				}
			},
			"new term": func(*rapid.T) { term++ },
			"apply": func(t *rapid.T) {
				l.putOutTo(rapid.Uint64Range(l.putOut, l.last).Draw(t, "put out"))
				l.trim()
			},
			"compact": func(t *rapid.T) {
				index := rapid.Uint64Range(0, l.putOut).Draw(t, "index")
				l.compact(index)
				if err := ref.Compact(index); err != nil && !errors.Is(err, raft.ErrCompacted) {
					t.Fatal(err)
				}
			},
			"restore": func(t *rapid.T) {
				index := l.last + rapid.Uint64Range(1, 9).Draw(t, "ahead")
				term++
				meta := &pb.SnapshotMetadata{Index: new(index), Term: new(term), ConfState: &pb.ConfState{}}
				l.restore(meta)
				if err := ref.ApplySnapshot(&pb.Snapshot{Metadata: meta}); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) { compareLogs(t, l, ref) },
		})
	})
}

func compareLogs(t *rapid.T, l *log, ref *raft.MemoryStorage) {
	first, _ := ref.FirstIndex()
	last, _ := ref.LastIndex()
	if l.first != first || l.last != last {
		t.Fatalf("log is [%d,%d], want [%d,%d]", l.first, l.last, first, last)
	}
	for i := first - min(first, 2); i <= last+1; i++ {
		got, gotErr := l.Term(i)
		want, wantErr := ref.Term(i)
		if got != want || !errors.Is(gotErr, wantErr) {
			t.Fatalf("term of %d is %d, %v; want %d, %v", i, got, gotErr, want, wantErr)
		}
	}
	if l.tailFirst > l.putOut+1 || l.tailFirst < l.first {
		t.Fatalf("tail starts at %d, log at %d, applied is %d", l.tailFirst, l.first, l.putOut)
	}
	if size(l.tail) != l.tailBytes {
		t.Fatalf("tail has %d bytes, counted %d", size(l.tail), l.tailBytes)
	}
	if last < first {
		return
	}
	lo := rapid.Uint64Range(first, last).Draw(t, "lo")
	limit := rapid.Uint64Range(0, 300).Draw(t, "limit")
	got, err := l.Entries(lo, last+1, limit)
	if lo < l.tailFirst && err != nil {
		if !errors.Is(err, raft.ErrCompacted) {
			t.Fatalf("entries from %d on disk: %v", lo, err)
		}
		if _, err := l.Snapshot(); !errors.Is(err, raft.ErrSnapshotTemporarilyUnavailable) {
			t.Fatalf("a snapshot instead of a fetch: %v", err)
		}
		f, ok := l.takeFetch()
		if ok {
			all, err := ref.Entries(f.lo, f.hi, 1000)
			if err != nil {
				t.Fatal(err)
			}
			l.fetched(toEntries(nil, all))
			if got, err := l.Entries(f.lo, f.hi, limit); err != nil || len(got) == 0 || got[0].GetIndex() != f.lo {
				t.Fatalf("fetched entries from %d: %v, %v", f.lo, got, err)
			}
		}
		return
	}
	if err != nil || len(got) == 0 || got[0].GetIndex() != lo {
		t.Fatalf("entries from %d: %v, %v", lo, got, err)
	}
	for i, e := range got {
		if want, _ := ref.Term(lo + uint64(i)); e.GetIndex() != lo+uint64(i) || e.GetTerm() != want {
			t.Fatalf("entry %d is (%d, %d), want term %d", lo+uint64(i), e.GetIndex(), e.GetTerm(), want)
		}
	}
}
