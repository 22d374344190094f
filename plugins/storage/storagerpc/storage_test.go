package storagerpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagerpc"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// over returns the host's end of a connection to a plugin that is backend.
func over(t testing.TB, backend storage.Storage) *storagerpc.Client {
	return overCarrier(t, rpctest.Carriers()["grpc"], backend)
}

func overCarrier(t testing.TB, carrier rpctest.Carrier, backend storage.Storage) *storagerpc.Client {
	conn := carrier(t, func(r grpc.ServiceRegistrar) { storagerpc.Register(r, backend) })
	return storagerpc.NewClient(conn, backend.Describe())
}

// open returns an open store over RPC.
func open(t testing.TB, disk *storagetest.Disk) (*storagerpc.Client, storage.State) {
	t.Helper()
	c := over(t, disk.Store())
	state, err := c.Open(t.Context(), options())
	if err != nil {
		t.Fatal(err)
	}
	return c, state
}

func mustAppend(t testing.TB, c *storagerpc.Client, batches ...storage.Batch) {
	t.Helper()
	if err := c.Append(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
}

// batch has the entries [lo,hi] of term.
func batch(term, lo, hi uint64) storage.Batch {
	b := storage.Batch{MustSync: true, HardState: storage.HardState{Term: term, Commit: lo - 1}}
	for i := lo; i <= hi; i++ {
		b.Entries = append(b.Entries, storage.Entry{Term: term, Index: i, Data: fmt.Appendf(nil, "entry %d", i)})
	}
	return b
}

func TestALogOverRPC(t *testing.T) {
	disk := storagetest.NewDisk()
	c, state := open(t, disk)
	if state.FirstIndex != 1 || state.LastIndex != 0 {
		t.Fatalf("new store has log [%d,%d]", state.FirstIndex, state.LastIndex)
	}
	mustAppend(t, c, batch(1, 1, 5), batch(2, 6, 10))
	mustAppend(t, c, batch(3, 9, 12)) // over a conflict
	got, err := c.Read(t.Context(), 8, 13, 1<<20)
	if err != nil || len(got) != 5 || got[0].Term != 2 || got[1].Term != 3 || string(got[4].Data) != "entry 12" {
		t.Fatalf("read %v, error %v", got, err)
	}
	writeSnapshot(t, c, storage.SnapshotMetadata{Index: 7, Term: 2}, "state", false)
	if first, err := c.Compact(t.Context(), 7); err != nil || first != 8 {
		t.Fatalf("compact: %d, %v", first, err)
	}
	for _, r := range []struct {
		lo, hi uint64
		want   error
	}{{7, 9, storage.ErrCompacted}, {12, 14, storage.ErrUnavailable}} {
		if _, err := c.Read(t.Context(), r.lo, r.hi, 100); !errors.Is(err, r.want) {
			t.Errorf("read [%d,%d): %v", r.lo, r.hi, err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, state = open(t, disk)
	if state.FirstIndex != 8 || state.LastIndex != 12 || len(state.Snapshots) != 1 || state.HardState.Term != 3 {
		t.Errorf("opened again: %+v", state)
	}
}

func writeSnapshot(t *testing.T, c *storagerpc.Client, meta storage.SnapshotMetadata, text string, received bool) {
	t.Helper()
	w, err := c.CreateSnapshot(t.Context(), meta, received)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestALongReadArrivesInPiecesAndStopsInTime(t *testing.T) {
	c, _ := open(t, storagetest.NewDisk())
	const size = 300 << 10
	for i := uint64(1); i <= 20; i++ {
		mustAppend(t, c, storage.Batch{MustSync: true, Entries: []storage.Entry{{Term: 1, Index: i, Data: make([]byte, size)}}})
	}
	for _, r := range []struct{ maxBytes, least, most uint64 }{
		{1, 1, 1},
		{1000 << 10, 2, 3},
		{5 * size, 4, 5},
		{1 << 40, 20, 20},
	} {
		got, err := c.Read(t.Context(), 1, 21, r.maxBytes)
		if n := uint64(len(got)); err != nil || n < r.least || n > r.most {
			t.Errorf("at most %d bytes: %d entries, error %v", r.maxBytes, n, err)
		}
	}
}

func TestSnapshotsOverRPC(t *testing.T) {
	c, _ := open(t, storagetest.NewDisk())
	mustAppend(t, c, batch(1, 1, 5))
	text := strings.Repeat("0123456789", 200_000)
	meta := storage.SnapshotMetadata{Index: 5, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}}}
	writeSnapshot(t, c, meta, text, false)
	for _, index := range []uint64{0, 5} {
		r, err := c.OpenSnapshot(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != text || r.Info().Metadata.Index != 5 || len(r.Info().Metadata.ConfState.Voters) != 3 {
			t.Errorf("snapshot %d: %d bytes, %+v, error %v", index, len(got), r.Info(), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.OpenSnapshot(t.Context(), 4); !errors.Is(err, storage.ErrNoSnapshot) {
		t.Errorf("open a snapshot that is not there: %v", err)
	}
	list, err := c.ListSnapshots(t.Context())
	if err != nil || len(list) != 1 || list[0].Bytes != uint64(len(text)) {
		t.Errorf("listed %v, error %v", list, err)
	}
}

func TestAReceivedSnapshotReplacesTheLog(t *testing.T) {
	c, _ := open(t, storagetest.NewDisk())
	mustAppend(t, c, batch(1, 1, 5))
	writeSnapshot(t, c, storage.SnapshotMetadata{Index: 100, Term: 4}, "theirs", true)
	if err := c.InstallSnapshot(t.Context(), 100, storage.HardState{Term: 4, Commit: 100}); err != nil {
		t.Fatal(err)
	}
	if first, err := c.Compact(t.Context(), 50); err != nil || first != 101 {
		t.Errorf("compact what is gone: %d, %v", first, err)
	}
	mustAppend(t, c, batch(4, 101, 102))
}

// Rules ST-27 and P-42.
func TestAnAbandonedSnapshotLeavesNothing(t *testing.T) {
	c, _ := open(t, storagetest.NewDisk())
	mustAppend(t, c, batch(1, 1, 5))
	w, err := c.CreateSnapshot(t.Context(), storage.SnapshotMetadata{Index: 5, Term: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Abort(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Commit(); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("commit after abort: %v", err)
	}
	if list, err := c.ListSnapshots(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("listed %v, error %v", list, err)
	}
}

// Rule ST-28.
func TestASnapshotThatThePluginRefuses(t *testing.T) {
	c, _ := open(t, storagetest.NewDisk())
	w, err := c.CreateSnapshot(t.Context(), storage.SnapshotMetadata{Index: 9, Term: 1}, false)
	if err == nil {
		_, err = w.Commit()
	}
	if !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("a snapshot beyond the log: %v", err)
	}
}

// Rules ST-14 and ST-16.
func TestAGapLeavesTheStoreAsItWas(t *testing.T) {
	c, _ := open(t, storagetest.NewDisk())
	mustAppend(t, c, batch(1, 1, 5))
	if err := c.Append(t.Context(), []storage.Batch{batch(1, 7, 8)}); !errors.Is(err, plugins.ErrInvalidArgument) {
		t.Errorf("append over a gap: %v", err)
	}
	mustAppend(t, c, batch(1, 6, 8))
	tooLarge := storage.Batch{Entries: []storage.Entry{{Term: 1, Index: 9, Data: make([]byte, plugins.DefaultLimits().MaxEntryBytes+1)}}}
	if err := c.Append(t.Context(), []storage.Batch{tooLarge}); !errors.Is(err, plugins.ErrLimit) {
		t.Errorf("append an entry over the limit: %v", err)
	}
	mustAppend(t, c, batch(1, 9, 9))
}

// Rule ST-17.
func TestAFailedWriteIsFinal(t *testing.T) {
	disk := storagetest.NewDisk()
	c, _ := open(t, disk)
	disk.OnAppend(func([]storage.Batch) error { return storage.ErrNoSpace })
	if err := c.Append(t.Context(), []storage.Batch{batch(1, 1, 1)}); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("append to a full disk: %v", err)
	}
	disk.OnAppend(nil)
	if err := c.Append(t.Context(), []storage.Batch{batch(1, 1, 1)}); !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("append after it: %v", err)
	}
}

// Rules ST-1 and ST-2.
func TestASecondOpenNamesTheHolder(t *testing.T) {
	backend := lockedStore{Memory: storagetest.NewDisk().Store()}
	_, err := over(t, backend).Open(t.Context(), options())
	var locked *storage.LockedError
	if !errors.Is(err, storage.ErrLocked) || !errors.As(err, &locked) || locked.Path != "/data/LOCK" || locked.Holder != "pid 17" {
		t.Errorf("open: %v", err)
	}
	if !strings.Contains(fmt.Sprint(err), "/data/LOCK") {
		t.Errorf("text is %v", err)
	}
}

type lockedStore struct{ *storagetest.Memory }

func (lockedStore) Open(context.Context, plugins.Options) (storage.State, error) {
	return storage.State{}, fmt.Errorf("open wal: %w", &storage.LockedError{Path: "/data/LOCK", Holder: "pid 17"})
}

// Rule P-23.
func TestCallsBeforeOpen(t *testing.T) {
	c := over(t, storagetest.NewDisk().Store())
	for name, err := range map[string]error{
		"append":   c.Append(t.Context(), []storage.Batch{{}}),
		"read":     second(c.Read(t.Context(), 1, 2, 3)),
		"compact":  second(c.Compact(t.Context(), 1)),
		"create":   second(c.CreateSnapshot(t.Context(), storage.SnapshotMetadata{}, false)),
		"snapshot": second(c.OpenSnapshot(t.Context(), 0)),
		"list":     second(c.ListSnapshots(t.Context())),
		"install":  c.InstallSnapshot(t.Context(), 1, storage.HardState{}),
		"appender": second(c.Appender(t.Context())),
	} {
		if !errors.Is(err, plugins.ErrNotOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("close: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
