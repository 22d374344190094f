package storemark

import "testing"

// TestBackend: the format after the mark does not matter.
func TestBackend(t *testing.T) {
	for mark, want := range map[string]string{
		"PONTWAL\x02 and more": "wal", "PONTWAL\x07": "wal", "PONTPEB\x01": "pebble", "PONTMEM\x01": "memory",
		"PONTXYZ\x01": "", "PONTWAL": "", "": "", "xxxxxxxxxxxx": "",
	} {
		if got := Backend([]byte(mark)); got != want {
			t.Errorf("%q is of %q, want %q", mark, got, want)
		}
	}
}

func TestBackendOfFiles(t *testing.T) {
	for name, want := range map[string]string{
		"db": "pebble", "0000000000000001.log": "wal", "1.log": "", "000000000000000x.log": "", "notes": "", "0000000000000001-0000000000000001.snap": "",
	} {
		if got := BackendOfFiles([]string{"LOCK", name}); got != want {
			t.Errorf("%q is of %q, want %q", name, got, want)
		}
	}
}
