package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/ownership"
)

// socketSuffix is the longest that go-plugin and a plugin append to the
// runtime directory: a directory made by os.MkdirTemp from "plugin-dir" and a
// socket made by os.CreateTemp from "plugin", each with up to ten digits.
const socketSuffix = len("/plugin-dir1234567890/plugin1234567890")

// maxSocketPath is the longest path of a unix socket: sun_path less its
// terminating zero.
func maxSocketPath() int {
	if runtime.GOOS == "linux" {
		return 107
	}
	return 103
}

// A runtimeDir is the private directory (mode 0700) that holds the socket
// directories of one catalog. It stays locked while the catalog lives: the lock
// tells a later host that the directory is not stale, and keeps
// systemd-tmpfiles from ageing it away under a running plugin.
type runtimeDir struct {
	path string
	lock *os.File
}

// newRuntimeDir makes a directory of its own in parent, which is created if it
// is missing, after removing those that killed hosts of the same user left
// there. An empty parent means the system's directory for temporary files, or
// /tmp if that one's path is too long for sockets.
func newRuntimeDir(parent string) (*runtimeDir, error) {
	parent, err := runtimeParent(parent)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("runtime directory: %w", err)
	}
	sweep(parent, ownerPrefix())
	for number := range maxCatalogs {
		path := filepath.Join(parent, hostName(number))
		err := os.Mkdir(path, 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("runtime directory: %w", err)
		}
		// A sweeping host may have caught the new directory before it was
		// locked and removed it; the next name is as good.
		if lock := lockDir(path); lock != nil {
			return &runtimeDir{path: path, lock: lock}, nil
		}
	}
	return nil, fmt.Errorf("runtime directory in %s: all names up to %s are taken", parent, hostName(maxCatalogs-1))
}

// maxCatalogs bounds the runtime directories of one process.
const maxCatalogs = 100

// The names of runtime directories tell whose they are: the user's and the
// host's. They are short rather than random, for the sake of socket paths;
// making a directory fails if another one has that name.
func ownerPrefix() string { return fmt.Sprintf("pontoon-%d-", os.Getuid()) }

func hostName(number int) string { return fmt.Sprintf("%s%d-%d", ownerPrefix(), os.Getpid(), number) }

// runtimeParent chooses the parent and verifies that sockets below it have
// paths that the system accepts and that no other user can lead elsewhere.
func runtimeParent(parent string) (string, error) {
	room := maxSocketPath() - socketSuffix - len("/") - len(hostName(maxCatalogs-1))
	if parent == "" {
		parent = os.TempDir()
		if len(parent) > room && runtime.GOOS != "windows" {
			parent = "/tmp"
		}
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", fmt.Errorf("runtime directory: %w", err)
	}
	if len(parent) > room {
		return "", fmt.Errorf("runtime directory %s: its path has %d bytes; more than %d leave no room for the paths of unix sockets below it: choose a shorter one",
			parent, len(parent), room)
	}
	if err := ownership.CheckDir(parent); err != nil {
		return "", fmt.Errorf("runtime directory: %w", err)
	}
	return parent, nil
}

// remove deletes the directory with all that is in it and gives up the lock.
func (d *runtimeDir) remove() error {
	err := os.RemoveAll(d.path)
	return errors.Join(err, d.lock.Close())
}

// sweep removes the runtime directories in parent whose hosts are gone. It is
// best effort: a directory that it cannot remove, or is not sure of, stays.
func sweep(parent, prefix string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		path := filepath.Join(parent, entry.Name())
		info, err := os.Lstat(path)
		if err != nil || !privateDir(info) {
			continue
		}
		if lock := lockDir(path); lock != nil {
			_ = os.RemoveAll(path)
			_ = lock.Close()
		}
	}
}

// privateDir reports whether info is that of a directory that only its owner,
// who is this process's user, can enter.
func privateDir(info fs.FileInfo) bool {
	return info.IsDir() && info.Mode().Perm() == 0o700 && ownership.Ours(info)
}
