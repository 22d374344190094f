package audit

import (
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// While a disk takes nothing, clients that are refused anyway do not fill the memory
// of the host. The chain counts those of which it has no record.
func TestRefusalsDoNotPileUpWhileTheDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := vfs.NewMem()
		x := open(t, Options{FS: m, OnFull: Refuse, Sync: SyncEach})
		const seconds = 2*queueRecords/refusalsPerSecond + 1
		name := strings.Repeat("n", maxText)
		for range seconds {
			m.FailNth(vfs.OpWrite, 1, syscall.ENOSPC)
			for range refusalsPerSecond {
				x.log.End(Record{Op: AddMember, Client: &access.Identity{Address: "192.0.2.7"}, Target: &Target{Name: name}, Outcome: NotApplied, Reason: "permission_denied"})
			}
			<-time.After(time.Second)
			x.w.retry = time.Time{}
			x.w.step()
		}
		if n := len(x.w.pending); n > queueRecords+1 {
			t.Errorf("%d records wait for the disk, and %d may", n, queueRecords)
		}
		bytes := 0
		for i := range x.w.pending {
			bytes += x.w.pending[i].memory()
		}
		if bytes > queueBytes+recordMemory {
			t.Errorf("%d bytes wait for the disk, and %d may", bytes, queueBytes)
		}
		x.w.retry = time.Time{}
		x.w.step()
		if x.log.Failing() != nil {
			t.Fatal(x.log.Failing().Err)
		}
		refused := uint64(0)
		for _, op := range ops(lines(t, clone(m.Files()))) {
			if op == AddMember {
				refused++
			}
		}
		v := verdict(t, clone(m.Files()), Check{Directory: true})
		if !v.Sound || refused+v.Dropped != seconds*refusalsPerSecond || x.log.Dropped() != v.Dropped {
			t.Errorf("of %d refusals %d are recorded, and the chain says that it lacks %d, the metric %d: %+v",
				seconds*refusalsPerSecond, refused, v.Dropped, x.log.Dropped(), v)
		}
	})
}
