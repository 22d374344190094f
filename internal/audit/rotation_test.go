package audit

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A new file may stand although the disk has failed while it was put in place. No
// record goes to the file before it then, however short, or the chain would go on
// in two files.
func TestARotationThatFailsHalfWayLeavesOneChain(t *testing.T) {
	for short := range 8 { // the room that is left in the old file is another one each time
		synctest.Test(t, func(t *testing.T) {
			m := vfs.NewMem()
			o := Options{FS: m, Level: Writes, OnFull: Refuse, Sync: SyncEach, Member: "1", Name: "n1", MaxFileBytes: MinFileBytes}
			l, err := New(tabled(o))
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Start(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			m.FailNth(vfs.OpSyncDir, 1, syscall.EIO)
			for n := range uint64(1000) {
				r := []Record{applied(n)}
				if n >= uint64(short) {
					r[0].Client.Name = strings.Repeat("n", 60)
				}
				if err = l.Begin(context.Background(), r); err != nil {
					break
				}
				l.End(r[0])
			}
			if !errors.Is(err, syscall.EIO) {
				t.Fatalf("the rotation ends with %v", err)
			}
			for l.Failing() != nil {
				<-time.After(retryAfter)
			}
			synctest.Wait()
			died := m.Crash(vfs.KeepAll) // now the process ends
			if err := l.Begin(context.Background(), []Record{applied(1)}); err != nil {
				t.Fatal(err)
			}
			head := l.Head().Number
			lost := m.Crash(vfs.KeepNothing) // and now the machine
			l.Close()
			for name, disk := range map[string]*vfs.Mem{"it goes on": m, "the process ends": died, "the machine ends": lost} {
				v := verdict(t, clone(disk.Files()), Check{Directory: true})
				if !v.Sound || disk != died && v.Last < head {
					t.Errorf("%d short records, %d were durable, %s: %+v", short, head, name, v)
				}
			}
		})
	}
}
