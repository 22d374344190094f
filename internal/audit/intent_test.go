package audit

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// refusing starts a log that refuses what it cannot record.
func refusing(t *testing.T, m *vfs.Mem) *Log {
	t.Helper()
	l, err := New(tabled(Options{FS: m, Level: Writes, OnFull: Refuse, Sync: SyncEach, Member: "1", Name: "n1"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

// Where a request is to be refused that cannot be recorded, its intent is on the
// disk before it is proposed, and its outcome follows.
func TestAnIntentComesBeforeItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := refusing(t, m)
		requests := []Record{applied(1), applied(2)}
		if err := l.Begin(context.Background(), requests); err != nil {
			t.Fatal(err)
		}
		crashed := verdict(t, clone(m.Crash(vfs.KeepNothing).Files()), Check{Directory: true})
		if !crashed.Sound || crashed.Open != 2 {
			t.Errorf("a host that dies now leaves %+v", crashed)
		}
		for _, r := range requests {
			l.End(r)
		}
		l.Close()
		all := lines(t, clone(m.Files()))
		if len(all) != 7 || !all[2].Intent || !all[3].Intent || all[4].Of != 3 || all[5].Of != 4 {
			t.Errorf("the chain is %+v", all)
		}
		if v := verdict(t, clone(m.Files()), Check{Directory: true}); !v.Sound || v.Open != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// A disk that takes nothing refuses requests, each with the reason, and takes them
// again when it is well. The chain counts those that were refused.
func TestAFullDiskRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := refusing(t, m)
		m.FailNth(vfs.OpWrite, 1, syscall.ENOSPC)
		for range 3 {
			if err := l.Begin(context.Background(), []Record{applied(1)}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("a request that cannot be recorded ends with %v", err)
			}
		}
		if l.Failing() == nil || l.Dropped() != 3 {
			t.Errorf("%d requests were refused: %v", l.Dropped(), l.Failing())
		}
		synctest.Wait()
		for l.Failing() != nil {
			<-time.After(retryAfter)
		}
		r := []Record{applied(2)}
		if err := l.Begin(context.Background(), r); err != nil {
			t.Fatalf("the disk is well: %v", err)
		}
		l.End(r[0])
		l.Close()
		if v := verdict(t, clone(m.Files()), Check{Directory: true}); !v.Sound || v.Dropped != 3 || v.Open != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// There is room for the outcome of each request that was let through, however many
// others come meanwhile; those beyond it are refused.
func TestEachOutcomeHasItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := refusing(t, m)
		var through []Record
		for {
			r := []Record{applied(uint64(len(through)))}
			err := l.Begin(context.Background(), r)
			if errors.Is(err, ErrUnavailable) {
				break
			}
			if err != nil || len(through) > queueRecords {
				t.Fatalf("%d requests: %v", len(through), err)
			}
			through = append(through, r...)
		}
		for _, r := range through {
			l.End(r)
		}
		l.Close()
		if v := verdict(t, clone(m.Files()), Check{Directory: true}); !v.Sound || v.Open != 0 || len(through) < queueRecords/2 {
			t.Errorf("%d requests were let through: %+v", len(through), v)
		}
	})
}

// A client that does not wait for the disk is refused, and so is its request: the
// intent that is written in the end gets its outcome.
func TestAnIntentThatNobodyWaitsForIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		l := refusing(t, m)
		hold, held := make(chan struct{}), make(chan struct{}, 1)
		m.OnOp(func(op vfs.Op) {
			if op.Kind == vfs.OpWrite {
				select {
				case held <- struct{}{}:
					<-hold
				default:
				}
			}
		})
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-held
			held <- struct{}{}
			cancel()
		}()
		if err := l.Begin(ctx, []Record{applied(1)}); !errors.Is(err, ErrUnavailable) {
			t.Errorf("it ends with %v", err)
		}
		close(hold)
		l.Close()
		all := lines(t, clone(m.Files()))
		if len(all) < 4 || !all[2].Intent || all[3].Of != all[2].Number || all[3].Outcome != NotApplied || all[3].Reason != reasonUnavailable {
			t.Errorf("the chain is %+v", all)
		}
	})
}

// A log that is off, or was never started, costs nothing.
func TestALogThatIsOff(t *testing.T) {
	l, err := New(tabled(Options{}))
	if l != nil || err != nil {
		t.Fatalf("%v, %v", l, err)
	}
	if l.Wants(Propose) || l.Refuses() || l.Dropped() != 0 || l.Failing() != nil || l.Head() != (Position{}) || l.Start() != nil {
		t.Error("a log that is off does something")
	}
	l.Close()
	unused, err := New(tabled(Options{Level: Changes, Dir: "nowhere"}))
	if err != nil {
		t.Fatal(err)
	}
	unused.Close()
	for _, o := range []Options{{Level: "some"}, {Sync: "often"}, {OnFull: "wait"}, {MaxFiles: 1}, {MaxFileBytes: 1}, {Level: All}} {
		if _, err := New(tabled(o)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
