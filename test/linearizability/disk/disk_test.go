//go:build linux

package disk

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// disturbed is a file of 100 bytes on a disk, with the switches of another
// process.
func disturbed(t *testing.T) (fsys *FS, f vfs.File, stalled, full *Switch) {
	t.Helper()
	switches := t.TempDir()
	fsys, err := Over(vfs.NewMem(), switches)
	if err != nil {
		t.Fatal(err)
	}
	f, err = fsys.Create("file")
	if err == nil {
		err = f.Preallocate(100)
	}
	if err != nil {
		t.Fatal(err)
	}
	other := func(name string) *Switch {
		s, err := OpenSwitch(switches + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	return fsys, f, other(Stalled), other(Full)
}

func TestSyncsOfADiskThatStallsWait(t *testing.T) {
	fsys, f, stalled, _ := disturbed(t)
	for what, sync := range map[string]func() error{
		"Sync": f.Sync, "SyncAll": f.SyncAll, "SyncDir": func() error { return fsys.SyncDir(".") },
	} {
		if err := sync(); err != nil {
			t.Fatal(err)
		}
		felt, err := stalled.Felt()
		if err != nil {
			t.Fatal(err)
		}
		if err := stalled.On(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- sync() }()
		select {
		case err := <-ended:
			t.Errorf("%s returned while the disk was stalled: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := f.WriteAt([]byte("x"), 0); err != nil {
			t.Errorf("a write: %v", err)
		}
		if n, err := stalled.Felt(); n != felt+1 || err != nil {
			t.Errorf("%s: %d were held up, %v, want %d", what, n, err, felt+1)
		}
		if err := stalled.Off(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAFullDiskHasRoomForWhatIsRemoved(t *testing.T) {
	fsys, f, _, full := disturbed(t)
	second, err := fsys.Create("second")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Preallocate(50); err != nil {
		t.Fatal(err)
	}
	if err := full.On(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, 100), 0); err != nil {
		t.Errorf("a write where there was room: %v", err)
	}
	wants := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	if n, err := full.Felt(); n != 0 || err != nil {
		t.Errorf("no room was found missing %d times, %v, before it was", n, err)
	}
	_, err = f.WriteAt([]byte("x"), 100)
	wants("a write beyond", err, syscall.ENOSPC)
	wants("space for more", f.Preallocate(101), syscall.ENOSPC)
	wants("a file that is removed", fsys.Remove("second"), nil)
	if free, err := fsys.Free(); free != 50 || err != nil {
		t.Errorf("%d bytes are free, %v, want 50", free, err)
	}
	wants("more than was removed", f.Preallocate(151), syscall.ENOSPC)
	wants("what was removed", f.Preallocate(150), nil)
	if n, err := full.Felt(); n != 4 || err != nil { // three times there was none, once the storage asked
		t.Errorf("the full disk was felt %d times, %v, want 4", n, err)
	}
	if err := full.Off(); err != nil {
		t.Fatal(err)
	}
	wants("space afterwards", f.Preallocate(1000), nil)
}
