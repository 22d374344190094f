package core

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// The store that could not be noted the first time is noted by the next
// attempt, which is what lets the next start miss it.
func TestAStoreThatCouldNotBeNotedIsNotedByTheNextAttempt(t *testing.T) {
	disk := vfs.NewMem()
	p, err := openPins(disk)
	if err != nil {
		t.Fatal(err)
	}
	disk.FailNth(vfs.OpCreate, 1, syscall.ENOSPC)
	if err := p.admit(0xa); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("admit on a full disk: %v", err)
	}
	if err := p.admit(0xa); err != nil { // the storage is opened once more
		t.Fatal(err)
	}
	next, err := openPins(disk.Crash(vfs.KeepNothing))
	if err != nil {
		t.Fatal(err)
	}
	if err := next.admit(0xd); !errors.Is(err, ErrLostData) {
		t.Errorf("an emptied store at the next start: %v", err)
	}
}

// A peer's store, or a loss, that could not be noted is noted when it can be,
// without anything new to note.
func TestWhatCouldNotBeNotedIsTriedAgain(t *testing.T) {
	for name, note := range map[string]func(*identity){
		"a store": func(i *identity) { i.pins.pin(2, 0xb) },
		"a loss":  func(i *identity) { i.lost("entry 10 is gone") },
	} {
		t.Run(name, func(t *testing.T) {
			i := foundedMember(t, 3, 0)
			synctest.Test(t, func(t *testing.T) {
				disk := vfs.NewMem()
				disk.FailNth(vfs.OpCreate, 1, syscall.ENOSPC)
				i.pins.fs = disk
				i.h.life, i.h.endLife = context.WithCancel(context.Background())
				i.losses, i.pins.wake = make(chan loss, 2), make(chan struct{}, 1)
				go i.watch()
				note(i)
				<-time.After(2 * savePause)
				i.h.endLife()
				synctest.Wait()
				next, err := openPins(disk.Crash(vfs.KeepNothing))
				if err != nil {
					t.Fatal(err)
				}
				if next.of(2) == 0 && next.kept.Lost == "" {
					t.Error("nothing was noted")
				}
			})
		})
	}
}

// A member that has lost data ends, although the disk of its data directory
// stands still while that is to be noted.
func TestALossEndsTheHostThoughItsDiskStandsStill(t *testing.T) {
	h := alone(t)
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	disk := stalled(h.identity.pins.fs)
	h.identity.pins.fs = disk
	h.identity.lostData(fmt.Errorf("%w: entry 10 is gone", ErrLostData))
	<-disk.reached
	select {
	case <-h.Failed():
		if err := h.Err(); !errors.Is(err, ErrLostData) {
			t.Errorf("the host ends with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the host goes on without the data that it acknowledged")
	}
	if err := h.Stop(t.Context()); !errors.Is(err, ErrForced) {
		t.Errorf("the stop says nothing of what did not end: %v", err)
	}
	close(disk.free)
	h.wg.Wait()
}

// The word of peers gets old while the disk of the data directory stands
// still.
func TestJudgementsGoOnThoughTheDiskStandsStill(t *testing.T) {
	i := foundedMember(t, 3, 0)
	synctest.Test(t, func(t *testing.T) {
		disk := stalled(vfs.NewMem())
		i.pins.fs = disk
		i.h.life, i.h.endLife = context.WithCancel(context.Background())
		i.losses, i.pins.wake = make(chan loss, 2), make(chan struct{}, 1)
		go i.watch()
		i.greeted(3, transport.Greeting{Store: 0xb3}) // to be noted
		<-disk.reached
		i.mismatch(accusation(2, 0xb))
		if !i.last.bar {
			t.Fatal("the accusation of one of two does not count: the test shows nothing")
		}
		<-time.After((conflictAge + 2) * i.h.cfg.Election)
		if i.judging.Lock(); i.last.bar {
			t.Error("an accusation that nobody repeats counts for as long as the disk stands still")
		}
		i.judging.Unlock()
		close(disk.free)
		i.h.endLife()
		synctest.Wait()
	})
}
