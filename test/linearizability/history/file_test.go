package history_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pontoon-raft/pontoon/test/linearizability/history"
)

// A history comes out of its file as it went in.
func TestAFileKeepsAHistory(t *testing.T) {
	f := &history.File{
		Run: history.Run{Nodes: 3, Seed: 7, Seconds: 1.5, Violations: 2},
		Operations: []history.Operation{
			{Client: 1, Member: "n1", Kind: history.Put, Key: "k", Value: "a", Began: 1, Ended: 2, Outcome: history.Applied, Index: 9, Revision: 3},
			{Client: 2, Member: "n2", Kind: history.CompareAndSet, Key: "k", Value: "b", Expected: history.Version{Value: "a", Revision: 3}, Began: 3, Ended: 4, Outcome: history.Unknown, Reason: "timeout"},
			{Client: 3, Member: "n3", Kind: history.Read, Key: "k", Stale: true, Began: 5, Ended: 6, Outcome: history.Applied, Found: history.Version{Value: "a", Revision: 3}},
		},
		Faults: []history.Fault{{Kind: "host killed", Target: "n1", Began: 1, Ended: 6}},
	}
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := f.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := history.Open(path)
	if err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%v: %+v, want %+v", err, got, f)
	}
}

// A file with something else in it is refused, with the line.
func TestAFileOfSomethingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, []byte("{\"run\":{}}\n{\"pun\":{}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := history.Open(path); err == nil {
		t.Error("taken for a history")
	}
}
