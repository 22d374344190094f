package core

import (
	"context"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A loss that was found is noted, although the host ends in that moment for
// whatever reason: the next start must not begin without that.
func TestALossIsNotedWhenTheHostEnds(t *testing.T) {
	for range 20 { // the end and the loss are there at once
		i := foundedMember(t, 3, 0)
		disk := vfs.NewMem()
		i.pins.fs = disk
		i.h.life, i.h.endLife = context.WithCancel(context.Background())
		i.note(loss{why: "entry 10 is gone"})
		i.h.endLife()
		i.watch()
		i.h.wg.Wait()
		next, err := openPins(disk.Crash(vfs.KeepNothing))
		if err != nil {
			t.Fatal(err)
		}
		if next.kept.Lost == "" {
			t.Fatal("the next start knows of no loss")
		}
	}
}
