package datadir

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A file that cannot be read is not taken for a host without memory.
func TestDamagedPinsAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "{", `{"version":2}`, `{"version":1,"store":"xyz"}`, `{"version":1,"peers":{"zz":"1"}}`, `{"version":1,"incarnations":"-1"}`, `{"version":1,"shop":1}`,
		`{"version":1}{"version":1,"store":"a"}`, `{"version":1}` + "\x00\x00\x00", `{"version":1,"store":"a"}"lost":"x"}`,
		`{"version":1,"storage":"../x"}`, `{"version":1,"move":{}}`, `{"version":1,"move":{"from":"a","to":"b","left":"storage.a.1","phase":"copying","more":1}}`,
	} {
		fsys, err := vfs.OS(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer fsys.Close()
		if err := vfs.Replace(fsys, PinsName, pinsTemp, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPins(fsys); !errors.Is(err, ErrPins) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
