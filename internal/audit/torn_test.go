package audit

import (
	"bytes"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// zeroed is a file of forty records, each written by itself, with zeros in place of a
// sector in its middle.
func zeroed(t *testing.T, sync SyncPolicy) map[string][]byte {
	t.Helper()
	m := vfs.NewMem()
	x := open(t, Options{FS: m, Sync: sync})
	for n := range uint64(40) {
		x.write(1+n, 1)
	}
	files := clone(m.Files())
	b := files[FileName(1)]
	middle := len(b) / 2 / sectorBytes * sectorBytes
	clear(b[middle : middle+sectorBytes])
	return files
}

// A crash takes nothing that was durable when a later record was written: zeros in its
// place are damage. Zeros in place of what was not durable are what a crash leaves.
func TestZerosInWhatWasDurableAreDamage(t *testing.T) {
	if v := verdict(t, zeroed(t, SyncEach), Check{Directory: true}); v.Sound {
		t.Errorf("zeros in what was durable: %+v", v)
	}
	if v := verdict(t, zeroed(t, SyncNone), Check{Directory: true}); !v.Sound || len(v.Notes) == 0 {
		t.Errorf("zeros in what was not durable: %+v", v)
	}
}

// A crash cuts a line off and adds nothing to it: text in the place of its end, and after
// it, is damage.
func TestTextAfterTheLastSumIsDamage(t *testing.T) {
	m := vfs.NewMem()
	x := open(t, Options{FS: m})
	x.write(1, 3)
	files := clone(m.Files())
	whole := bytes.TrimSuffix(files[FileName(1)], []byte("\n"))
	files[FileName(1)] = whole
	if v := verdict(t, files, Check{Directory: true}); !v.Sound {
		t.Errorf("a line without its end: %+v", v)
	}
	for _, more := range []string{"q", "quite some text"} {
		files[FileName(1)] = append(bytes.Clone(whole), more...)
		if v := verdict(t, files, Check{Directory: true}); v.Sound {
			t.Errorf("a line with %q after its sum: %+v", more, v)
		}
	}
}
