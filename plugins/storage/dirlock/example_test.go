package dirlock_test

import (
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// The second store in a directory is refused until the first one gives it up.
func ExampleTake() {
	disk := vfs.NewMem()
	opts := plugins.Options{DataDir: "data", NodeName: "n1"}
	first, err := dirlock.Take(disk, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = dirlock.Take(disk, opts)
	fmt.Println(errors.Is(err, storage.ErrLocked))

	if err := first.Close(); err != nil {
		fmt.Println(err)
		return
	}
	second, err := dirlock.Take(disk, opts)
	fmt.Println(second != nil, err)
	// Output:
	// true
	// true <nil>
}
