package snapfile_test

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/snapfile"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A backend opens the shelf with the state of its log. A power cut takes the snapshot
// that was not committed, and leaves the one that was.
func ExampleShelf() {
	disk := vfs.NewMem()
	state := storage.State{FirstIndex: 1, LastIndex: 20, Terms: []storage.TermBoundary{{}, {Index: 1, Term: 2}}}
	shelf := snapfile.New(disk, slog.New(slog.DiscardHandler))
	if err := shelf.Open(state); err != nil {
		fmt.Println(err)
		return
	}
	for _, index := range []uint64{10, 20} {
		w, err := shelf.Create(storage.SnapshotMetadata{Index: index, Term: 2}, false)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Fprintf(w, "the state at %d", index)
		if index == 10 {
			if _, err := w.Commit(); err != nil {
				fmt.Println(err)
				return
			}
		}
	}

	after := snapfile.New(disk.Crash(vfs.KeepNothing), slog.New(slog.DiscardHandler))
	if err := after.Open(state); err != nil {
		fmt.Println(err)
		return
	}
	r, err := after.OpenSnapshot(0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	fmt.Println(after.Newest(), string(content), err)
	// Output: 10 the state at 10 <nil>
}
