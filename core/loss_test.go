package core

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/vfs"
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

// What could not be noted, of a peer's store or of a loss, is noted when it can
// be, without anything new to note.
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
				i.pins.owned.Store(true) // the storage is open
				i.h.quit = make(chan struct{})
				i.losses, i.pins.wake = make(chan loss, 2), make(chan struct{}, 1)
				go i.watch()
				note(i)
				<-time.After(2 * savePause)
				close(i.h.quit)
				synctest.Wait()
				next, err := openPins(disk.Crash(vfs.KeepNothing))
				if err != nil {
					t.Fatal(err)
				}
				if next.of(2) == 0 && next.lost == "" {
					t.Error("nothing was noted")
				}
			})
		})
	}
}
