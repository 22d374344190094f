package audit

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// BenchmarkRecords is what a record costs from its end to the file, with 256 bytes
// of data whose digest is made before.
func BenchmarkRecords(b *testing.B) {
	for _, sync := range []SyncPolicy{SyncNone, SyncInterval, SyncEach} {
		b.Run(string(sync), func(b *testing.B) {
			fs, err := vfs.OS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			x := open(b, Options{FS: fs, Sync: sync, MaxFileBytes: MaxFileBytes})
			r := applied(1)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				x.log.End(r)
				if n%1000 == 999 {
					x.w.step()
				}
			}
			x.w.finish()
		})
	}
}
