package server

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// A state machine that hangs while clients write keeps no more in memory than
// the queue's limit, however much is committed.
func TestAHangingStateMachineTakesAsMuchMemoryAsTheQueueMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		waiting, release := w.source.current().Hold()
		t.Cleanup(release)
		w.commit("held")
		<-waiting
		before := heap()
		const size, runs = 1 << 20, 200
		for range runs {
			w.last++
			w.apply(node.Command{Index: w.last, Data: make([]byte, size)})
		}
		grown := int64(heap()) - int64(before)
		if most := int64(queueBytes + 4<<20); grown > most {
			t.Errorf("%d MiB are committed and not applied, and memory grew by %d MiB, want up to %d", runs*size>>20, grown>>20, most>>20)
		}
		if _, inLog := w.s.queue.waiting(); inLog < runs/2 {
			t.Errorf("only %d entries wait in the log: this shows nothing", inLog)
		}
		w.s.Detach(ErrStorageRestart) // the log of this test does not have them
	})
}

// heap is what is in use after everything else was collected.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
