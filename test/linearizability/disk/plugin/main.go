//go:build linux

// Command plugin is the storage plugin `wal` on a disk that a test disturbs. The
// variable LINEARIZABILITY_DISK names the directory of the disk's switches.
package main

import (
	"errors"
	"os"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	"github.com/pontoon-raft/pontoon/sdk"
	"github.com/pontoon-raft/pontoon/test/linearizability/disk"
)

func main() {
	sdk.Serve(sdk.Storage(wal.Name, func(env sdk.Env) storage.Storage { return wal.NewOver(env, open) }))
}

func open(dir string) (vfs.FS, error) {
	switches := os.Getenv(disk.Variable)
	if switches == "" {
		return nil, errors.New(disk.Variable + " is not set")
	}
	base, err := vfs.OS(dir)
	if err != nil {
		return nil, err
	}
	fsys, err := disk.Over(base, switches)
	if err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return fsys, nil
}
