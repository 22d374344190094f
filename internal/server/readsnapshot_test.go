package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A given is what a client of a snapshot has got.
type given struct {
	info    SnapshotInfo
	content bytes.Buffer
	err     error
}

// readSnapshot asks for a snapshot, and answers the read barrier of the request with the last index.
func (w *world) readSnapshot(ctx context.Context, newest bool) <-chan *given {
	ended := make(chan *given, 1)
	go func() {
		g := &given{}
		g.err = w.s.ReadSnapshot(ctx, newest, func(info SnapshotInfo) error {
			g.info = info
			return nil
		}, func(chunk []byte) error {
			g.content.Write(chunk)
			return nil
		})
		ended <- g
	}()
	synctest.Wait()
	if !newest {
		w.s.Read(node.Read{Context: w.context(), Index: w.last})
		synctest.Wait()
	}
	return ended
}

// A client gets a snapshot that has every write that was acknowledged, as the storage has it. It is
// made if there is none, and only then.
func TestAClientGetsASnapshotOfAllThatWasAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		if g := <-w.readSnapshot(t.Context(), true); !errors.Is(g.err, ErrNoSnapshot) {
			t.Errorf("the newest one of none: %v", g.err)
		}
		w.one("a", "b")
		for range 2 {
			g := <-w.readSnapshot(t.Context(), false)
			if g.err != nil || g.info.Index != 2 || g.info.Bytes != uint64(g.content.Len()) {
				t.Fatalf("%+v of %d bytes, %v", g.info, g.content.Len(), g.err)
			}
			r, err := w.store.OpenSnapshot(t.Context(), 2)
			if err != nil {
				t.Fatal(err)
			}
			want, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(g.content.Bytes(), want) {
				t.Errorf("it is not what the storage has: %v", err)
			}
			_ = r.Close()
		}
		w.one("c")
		if g := <-w.readSnapshot(t.Context(), true); g.err != nil || g.info.Index != 2 {
			t.Errorf("the newest one: %+v, %v", g.info, g.err)
		}
		if g := <-w.readSnapshot(t.Context(), false); g.err != nil || g.info.Index != 3 {
			t.Errorf("after another write: %+v, %v", g.info, g.err)
		}
		if got := w.snapshots(); len(got) != 2 {
			t.Errorf("snapshots %d were made", got)
		}
	})
}

// A snapshot that is under way and lacks an acknowledged write is waited for, and then another one
// is made.
func TestASnapshotThatLacksAWriteDoesNotSuffice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		m := w.source.current()
		m.snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { return held{s, m.hold} }
		w.s.SnapshotWanted()
		synctest.Wait()
		w.one("b")
		ended := w.readSnapshot(t.Context(), false)
		if len(ended) > 0 {
			t.Fatalf("it ended before there was one: %v", (<-ended).err)
		}
		m.release()
		if g := <-ended; g.err != nil || g.info.Index != 2 {
			t.Errorf("%+v, %v", g.info, g.err)
		}
	})
}

// held is a snapshot whose bytes come when a test says so.
type held struct {
	statemachine.Snapshot
	until <-chan struct{}
}

func (h held) Save(ctx context.Context, w io.Writer) error {
	<-h.until
	return h.Snapshot.Save(ctx, w)
}

// A client does not wait for a snapshot that cannot be made, and learns why.
func TestASnapshotThatCannotBeMadeIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		w.source.current().snapshot = func(s statemachine.Snapshot) statemachine.Snapshot {
			return failing{s, errors.New("the state is in pieces")}
		}
		for range 2 {
			begun := time.Now()
			g := <-w.readSnapshot(t.Context(), false)
			var e *Error
			if !errors.As(g.err, &e) || !errors.Is(e, ErrNotReady) || !strings.Contains(e.Detail, "the state is in pieces") || e.RetryAfter <= 0 {
				t.Errorf("%v", g.err)
			}
			if waited := time.Since(begun); waited > 0 {
				t.Errorf("it was told after %v", waited)
			}
		}
	})
}

// A snapshot from which the state machine could not be restored is not a backup. The next one is.
func TestADoubtfulSnapshotIsNotABackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		if g := <-w.readSnapshot(t.Context(), false); g.err != nil {
			t.Fatal(g.err)
		}
		w.s.snapshots.doubt()
		if g := <-w.readSnapshot(t.Context(), false); !errors.Is(g.err, ErrNotReady) || !strings.Contains(g.err.Error(), "could not be restored from its newest snapshot, 1,") {
			t.Errorf("the doubtful one: %v", g.err)
		}
		w.one("b")
		if g := <-w.readSnapshot(t.Context(), false); g.err != nil || g.info.Index != 2 {
			t.Errorf("the next one: %+v, %v", g.info, g.err)
		}
	})
}

// A member whose state is not that of a majority gives no snapshot, not even the newest. One that is
// quarantined over an entry has a sound one.
func TestAPartedMemberGivesNoSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		if g := <-w.readSnapshot(t.Context(), false); g.err != nil {
			t.Fatal(g.err)
		}
		for _, parted := range []bool{true, false} {
			w.s.isolated.Store(&Quarantine{Index: 1, Parted: parted})
			if g := <-w.readSnapshot(t.Context(), true); parted == (g.err == nil) || parted && !errors.Is(g.err, ErrQuarantined) {
				t.Errorf("parted %v: %v", parted, g.err)
			}
		}
	})
}

// failing is a snapshot that cannot be saved.
type failing struct {
	statemachine.Snapshot
	err error
}

func (f failing) Save(context.Context, io.Writer) error { return f.err }

// One client gets a snapshot at a time; one that goes away, or whose context ends while the snapshot is
// made, makes room for the next.
func TestOneClientGetsASnapshotAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.one("a")
		m := w.source.current()
		m.snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { return held{s, m.hold} }
		ctx, cancel := context.WithCancel(t.Context())
		first := w.readSnapshot(ctx, false)
		if g := <-w.readSnapshot(t.Context(), true); !errors.Is(g.err, ErrTooManyRequests) {
			t.Errorf("the second client: %v", g.err)
		}
		cancel()
		if g := <-first; !errors.Is(g.err, ErrReadTimeout) {
			t.Errorf("the first client, which went away: %v", g.err)
		}
		m.release()
		synctest.Wait()
		gone := errors.New("gone")
		err := w.s.ReadSnapshot(t.Context(), true, func(SnapshotInfo) error { return nil }, func([]byte) error { return gone })
		if !errors.Is(err, gone) {
			t.Errorf("the third client, which takes nothing: %v", err)
		}
		if g := <-w.readSnapshot(t.Context(), true); g.err != nil {
			t.Errorf("the last client: %v", g.err)
		}
	})
}
