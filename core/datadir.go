package core

import (
	"fmt"
	"os"
	"runtime"

	"github.com/pontoon-raft/pontoon/internal/ownership"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// makeDataDir creates the data directory, durably, or checks the one that is
// there: its owner, and all that may write to it, can change what this member has promised. That others may
// read it is the operator's to decide: mode 0755 is what directories have that
// were made by hand.
func makeDataDir(dir string) error {
	if err := ownership.CheckDir(dir); err != nil {
		return fmt.Errorf("%w: data directory: %w", plugins.ErrInvalidConfig, err)
	}
	if err := vfs.MakeOSDir(dir); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	const others = 0o022
	if mode := info.Mode().Perm(); mode&others != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%w: data directory %s: others than its owner may write to it (mode %#o); run: chmod 0700 %s",
			plugins.ErrInvalidConfig, dir, mode, dir)
	}
	return nil
}
