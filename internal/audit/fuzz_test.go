package audit

import (
	"bytes"
	"io"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// FuzzFile reads any bytes as a file: no input makes a reader panic, take more than
// its bound of memory, or call sound what Verify does not.
func FuzzFile(f *testing.F) {
	m := vfs.NewMem()
	x := open(f, Options{FS: m})
	x.write(1, 3)
	x.w.finish()
	whole := m.Files()[FileName(1)]
	f.Add(whole)
	f.Add(whole[:len(whole)-7])
	f.Add(append(bytes.Clone(whole), make([]byte, 600)...))
	f.Add([]byte(`{"n":1,"prev":"`))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanning{keys: map[string]Key{}}
		got, err := s.scan(bytes.NewReader(b))
		if err != nil {
			return
		}
		if got.end+got.tail.bytes != int64(len(b)) {
			t.Fatalf("%d bytes are sound and %d are not, of %d", got.end, got.tail.bytes, len(b))
		}
		v, err := Verify([]Source{{"f", func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}}, Check{})
		if err == nil && v.Sound != (got.bad == "" || got.tail.torn) {
			t.Fatalf("the scan says %q, torn %v; the verdict is %+v", got.bad, got.tail.torn, v)
		}
	})
}
