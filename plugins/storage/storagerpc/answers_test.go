package storagerpc_test

import (
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
)

// Rules ST-3, ST-4, ST-5, ST-6, ST-7, ST-28 and ST-39.
func TestWrongStatesAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*pluginv1.StorageOpenResponse){
		"no store id":                         func(r *pluginv1.StorageOpenResponse) { r.StoreId = 0 },
		"first index 0":                       func(r *pluginv1.StorageOpenResponse) { r.FirstIndex = 0 },
		"last index far before first":         func(r *pluginv1.StorageOpenResponse) { r.LastIndex = 2 },
		"last index without a successor":      func(r *pluginv1.StorageOpenResponse) { r.LastIndex = math.MaxUint64 },
		"commit beyond the log":               func(r *pluginv1.StorageOpenResponse) { r.HardState.Commit = 10 },
		"no terms":                            func(r *pluginv1.StorageOpenResponse) { r.Terms = nil },
		"first boundary inside the log":       func(r *pluginv1.StorageOpenResponse) { r.Terms[0].Index = 4 },
		"first boundary before the log":       func(r *pluginv1.StorageOpenResponse) { r.Terms[0].Index = 2 },
		"compacted entry of term 0":           func(r *pluginv1.StorageOpenResponse) { r.Terms[0].Term = 0 },
		"boundaries of one index":             func(r *pluginv1.StorageOpenResponse) { r.Terms[1].Index = 3 },
		"terms that do not rise":              func(r *pluginv1.StorageOpenResponse) { r.Terms[1].Term = 2 },
		"terms that fall":                     func(r *pluginv1.StorageOpenResponse) { r.Terms[1].Term = 1 },
		"boundary beyond the log":             func(r *pluginv1.StorageOpenResponse) { r.Terms[1].Index = 10 },
		"snapshot of index 0":                 func(r *pluginv1.StorageOpenResponse) { r.Snapshots[0].Metadata.Index = 0 },
		"snapshot of term 0":                  func(r *pluginv1.StorageOpenResponse) { r.Snapshots[0].Metadata.Term = 0 },
		"snapshot with half of a sum":         func(r *pluginv1.StorageOpenResponse) { r.Snapshots[0].Sha256 = make([]byte, 16) },
		"snapshot beyond the log":             func(r *pluginv1.StorageOpenResponse) { r.Snapshots[1].Metadata.Index = 10 },
		"snapshots not in order":              func(r *pluginv1.StorageOpenResponse) { r.Snapshots[1].Metadata.Index = 3 },
		"snapshot of another term than entry": func(r *pluginv1.StorageOpenResponse) { r.Snapshots[1].Metadata.Term = 3 },
		"more snapshots than anyone keeps":    func(r *pluginv1.StorageOpenResponse) { r.Snapshots = make([]storage.SnapshotInfo, 1000) },
		"entries from 1 without their term":   func(r *pluginv1.StorageOpenResponse) { *r = newLog(storage.TermBoundary{}) },
		"entry before the first has a term":   func(r *pluginv1.StorageOpenResponse) { *r = newLog(storage.TermBoundary{Term: 1}) },
		"term of entry 1 begins with entry 2": func(r *pluginv1.StorageOpenResponse) {
			*r = newLog(storage.TermBoundary{}, storage.TermBoundary{Index: 2, Term: 1})
		},
		"empty log with a boundary behind it": func(r *pluginv1.StorageOpenResponse) {
			r.LastIndex = 3
			r.HardState.Commit = 3
			r.Snapshots = r.Snapshots[:1]
		},
		"snapshot term falls behind an old one": func(r *pluginv1.StorageOpenResponse) {
			r.Snapshots[0].Metadata.Index, r.Snapshots[0].Metadata.Term = 1, 4
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &liar{open: goodOpen()}
			spoil(&l.open)
			_, err := storagerpc.NewClient(l.conn(t), plugins.Info{}).Open(t.Context(), options())
			rpctest.CheckBreach(t, err, "ST-3", "ST-4", "ST-5", "ST-6", "ST-7", "ST-28", "ST-39")
		})
	}
}

// newLog is the answer of a store with the log [1,3].
func newLog(terms ...storage.TermBoundary) pluginv1.StorageOpenResponse {
	return pluginv1.StorageOpenResponse{StoreId: 1, FirstIndex: 1, LastIndex: 3, Terms: terms}
}

func TestGoodStatesAreAccepted(t *testing.T) {
	for name, answer := range map[string]pluginv1.StorageOpenResponse{
		"compacted log":   goodOpen(),
		"new store":       {StoreId: 1, FirstIndex: 1, Terms: []storage.TermBoundary{{}}},
		"never compacted": newLog(storage.TermBoundary{}, storage.TermBoundary{Index: 1, Term: 4}),
		"just installed": {
			StoreId: 1, FirstIndex: 6, LastIndex: 5, Terms: []storage.TermBoundary{{Index: 5, Term: 3}},
			Snapshots: []storage.SnapshotInfo{snapshotInfo(5, 3, 0)},
		},
	} {
		l := &liar{open: answer}
		state, err := storagerpc.NewClient(l.conn(t), plugins.Info{}).Open(t.Context(), options())
		if err != nil || state.FirstIndex != answer.FirstIndex || len(state.Terms) != len(answer.Terms) {
			t.Errorf("%s: %+v, error %v", name, state, err)
		}
	}
}

func entries(indexes ...uint64) []storage.Entry {
	var es []storage.Entry
	for _, i := range indexes {
		es = append(es, storage.Entry{Index: i, Term: 5, Data: make([]byte, 10)})
	}
	return es
}

// Rules ST-20 and ST-21.
func TestWrongEntriesAreRefused(t *testing.T) {
	reply := func(es ...storage.Entry) pluginv1.ReadResponse { return pluginv1.ReadResponse{Entries: es} }
	falling := entries(6, 7)
	falling[1].Term = 4
	for name, read := range map[string][]pluginv1.ReadResponse{
		"nothing":                   nil,
		"an empty message":          {reply()},
		"entry before the range":    {reply(entries(5)...)},
		"entry after the first":     {reply(entries(7)...)},
		"gap":                       {reply(entries(6, 8)...)},
		"gap between messages":      {reply(entries(6)...), reply(entries(8)...)},
		"the same entry twice":      {reply(entries(6)...), reply(entries(6)...)},
		"entry at the end":          {reply(entries(6, 7, 8, 9)...)},
		"falling terms":             {reply(falling...)},
		"term 0":                    {reply(storage.Entry{Index: 6})},
		"more bytes than asked for": {reply(entries(6, 7, 8)...)},
		"entry over the limit":      {reply(storage.Entry{Index: 6, Term: 5, Data: make([]byte, plugins.DefaultLimits().MaxEntryBytes+1)})},
	} {
		t.Run(name, func(t *testing.T) {
			c := (&liar{read: read}).dial(t)
			_, err := c.Read(t.Context(), 6, 9, 25)
			rpctest.CheckBreach(t, err, "ST-20", "ST-21")
		})
	}
	c := (&liar{read: []pluginv1.ReadResponse{reply(entries(6)...), reply(entries(7)...)}}).dial(t)
	if got, err := c.Read(t.Context(), 6, 9, 25); err != nil || len(got) != 2 {
		t.Errorf("good entries: %d, error %v", len(got), err)
	}
}

// Rules ST-9 and ST-19.
func TestWrongAcknowledgementsAreRefused(t *testing.T) {
	for name, l := range map[string]*liar{
		"of a batch not sent":     {acks: []uint64{3}, holdEnd: true},
		"of nothing":              {acks: []uint64{0}, holdEnd: true},
		"twice":                   {acks: []uint64{1, 1}, holdEnd: true},
		"going back":              {acks: []uint64{2, 1}, holdEnd: true},
		"stream ends before last": {acks: []uint64{1}},
		"stream ends at once":     {},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := l.dial(t).Appender(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_ = a.Send(storage.Batch{Entries: entries(10), MustSync: true})
			}
			for err == nil {
				_, err = a.Recv()
			}
			rpctest.CheckBreach(t, err, "ST-9", "ST-19")
			if err := a.Send(storage.Batch{}); err == nil {
				t.Error("the appender goes on")
			}
		})
	}
}

// Rule ST-19.
func TestAStreamThatEndsUnaskedIsABadAnswer(t *testing.T) {
	a, err := (&liar{acks: []uint64{1}}).dial(t).Appender(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Send(storage.Batch{}); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Recv(); n != 1 || err != nil {
		t.Fatalf("acknowledged %d, error %v", n, err)
	}
	_, err = a.Recv()
	rpctest.CheckBreach(t, err, "ST-19")
}

// Rule ST-24.
func TestWrongFirstIndexesAreRefused(t *testing.T) {
	for name, first := range map[string]uint64{"nothing compacted": 4, "too little": 6, "too much": 8, "back to zero": 0} {
		t.Run(name, func(t *testing.T) {
			_, err := (&liar{first: first}).dial(t).Compact(t.Context(), 6)
			rpctest.CheckBreach(t, err, "ST-24")
		})
	}
	if first, err := (&liar{first: 4}).dial(t).Compact(t.Context(), 2); err != nil || first != 4 {
		t.Errorf("compacting what is gone: %d, %v", first, err)
	}
}

// Rules ST-7, ST-28 and ST-34.
func TestWrongListsAreRefused(t *testing.T) {
	for name, list := range map[string][]storage.SnapshotInfo{
		"not in order": {snapshotInfo(5, 2, 1), snapshotInfo(3, 2, 1)},
		"one twice":    {snapshotInfo(5, 2, 1), snapshotInfo(5, 2, 1)},
		"falling term": {snapshotInfo(3, 3, 1), snapshotInfo(5, 2, 1)},
		"index 0":      {snapshotInfo(0, 2, 1)},
		"countless":    make([]storage.SnapshotInfo, 65),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&liar{list: list}).dial(t).ListSnapshots(t.Context())
			rpctest.CheckBreach(t, err, "ST-7", "ST-28")
		})
	}
}

// Rules ST-26, ST-27 and ST-39.
func TestWrongCommitsAreRefused(t *testing.T) {
	halfSum := snapshotInfo(9, 5, 3)
	halfSum.Sha256 = make([]byte, 16)
	for name, l := range map[string]*liar{
		"half of a sum":       {saved: halfSum},
		"another index":       {saved: snapshotInfo(8, 5, 3)},
		"another term":        {saved: snapshotInfo(9, 4, 3)},
		"another size":        {saved: snapshotInfo(9, 5, 2)},
		"before it was whole": {saved: snapshotInfo(9, 5, 3), early: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := l.dial(t).CreateSnapshot(t.Context(), snapshotInfo(9, 5, 0).Metadata, false)
			for err == nil { // the early answer shows in a later write
				if _, err = w.Write([]byte("abc")); err == nil && !l.early {
					_, err = w.Commit()
				}
			}
			rpctest.CheckBreach(t, err, "ST-26", "ST-39")
		})
	}
	w, err := (&liar{}).dial(t).CreateSnapshot(t.Context(), snapshotInfo(9, 5, 0).Metadata, false)
	if err != nil {
		t.Fatal(err)
	}
	rpctest.CheckBreach(t, w.Abort(), "ST-27") // which this plugin takes for a commit
}

// Rules ST-28, ST-31, P-32, P-41, P-42 and P-45.
func TestWrongSnapshotsAreRefused(t *testing.T) {
	head := func(info storage.SnapshotInfo, chunk ...byte) pluginv1.OpenSnapshotResponse {
		return pluginv1.OpenSnapshotResponse{Header: &info, Chunk: chunk}
	}
	chunk := func(n int) pluginv1.OpenSnapshotResponse {
		return pluginv1.OpenSnapshotResponse{Chunk: make([]byte, n)}
	}
	end := func(n int) pluginv1.OpenSnapshotResponse {
		return pluginv1.OpenSnapshotResponse{End: &pluginv1.StreamEnd{Length: uint64(n), Crc32: crc32.ChecksumIEEE(make([]byte, n))}}
	}
	info := snapshotInfo(5, 2, 3)
	for name, opened := range map[string][]pluginv1.OpenSnapshotResponse{
		"no header":          {chunk(3), end(3)},
		"nothing":            {},
		"no end mark":        {head(info), chunk(3)},
		"another end mark":   {head(info), chunk(3), end(2)},
		"more after it":      {head(info), chunk(3), end(3), end(3)},
		"another index":      {head(snapshotInfo(4, 2, 3))},
		"term 0":             {head(snapshotInfo(5, 0, 3))},
		"more than its size": {head(snapshotInfo(5, 2, 3)), chunk(4)},
		"more at once":       {head(snapshotInfo(5, 2, 3), 1, 2, 3, 4)},
		"less than its size": {head(snapshotInfo(5, 2, 3)), chunk(2), end(2)},
		"only a header":      {head(snapshotInfo(5, 2, 3))},
		"less than the most": {head(snapshotInfo(5, 2, math.MaxUint64)), chunk(2), end(2)},
		"chunk over limit":   {head(snapshotInfo(5, 2, 1<<30)), chunk(257 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := (&liar{opened: opened}).dial(t).OpenSnapshot(t.Context(), 5)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
				_ = r.Close()
			}
			rpctest.CheckBreach(t, err, "ST-28", "ST-31", "P-32", "P-41", "P-42", "P-45")
		})
	}
	r, err := (&liar{opened: []pluginv1.OpenSnapshotResponse{head(info), chunk(3), end(3)}}).dial(t).OpenSnapshot(t.Context(), 5)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); len(got) != 3 || err != nil {
		t.Errorf("a good one: %d bytes, %v", len(got), err)
	}
}

// A store that is short of space says why, within bounds, and one that is not
// gives no reason.
// Rule ST-37.
func TestWrongReportsOnSpaceAreRefused(t *testing.T) {
	for name, answer := range map[string]pluginv1.SpaceResponse{
		"short without a reason":    {Short: true},
		"a reason without shortage": {Detail: "none"},
		"a reason without end":      {Short: true, Detail: strings.Repeat("x", storage.MaxSpaceDetail+1)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := (&liar{space: answer}).dial(t).Space(t.Context())
			rpctest.CheckBreach(t, err, "ST-37")
		})
	}
	if got, err := (&liar{space: pluginv1.SpaceResponse{Short: true, Detail: "x"}}).dial(t).Space(t.Context()); err != nil || !got.Short || got.Detail != "x" {
		t.Errorf("Space = %+v, %v", got, err)
	}
}

// A plugin is not asked for what it does not say that it can.
func TestNoReportOnSpaceWithoutTheCapability(t *testing.T) {
	c := (&liar{space: pluginv1.SpaceResponse{Short: true, Detail: "x"}}).dial(t) // describes itself without it
	if got, err := storage.SpaceOf(t.Context(), c); err != nil || got.Short {
		t.Errorf("SpaceOf = %+v, %v", got, err)
	}
}
