package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A directory holds the files of the state, and a file current with the name of the one that counts. So
// a log of one file never meets another file, whenever the process ends.
type directory string

const currentFile = "current"

// current is the path of the file that counts, and removes what was left of others.
func (d directory) current() (string, error) {
	raw, err := os.ReadFile(d.path(currentFile))
	if errors.Is(err, fs.ErrNotExist) {
		path := d.path(stateName(1))
		removeStore(path) // of a first Open that came to no end
		return path, d.use(path)
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(string(raw), "\n")
	if _, ok := stateNumber(name); !ok {
		return "", fmt.Errorf("%s: damaged; remove the directory and the host will restore and replay", d.path(currentFile))
	}
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		other, _, _ := strings.Cut(entry.Name(), ".db")
		if _, ok := stateNumber(other + ".db"); ok && other+".db" != name {
			_ = os.Remove(d.path(entry.Name()))
		}
	}
	return d.path(name), nil
}

// next is the path of a file that is not there yet.
func (d directory) next() (string, error) {
	raw, err := os.ReadFile(d.path(currentFile))
	if err != nil {
		return "", err
	}
	n, ok := stateNumber(strings.TrimSuffix(string(raw), "\n"))
	if !ok {
		return "", fmt.Errorf("%s: damaged", d.path(currentFile))
	}
	path := d.path(stateName(n + 1))
	removeStore(path)
	return path, nil
}

// use makes a file the one that counts. It is synced with its name before.
func (d directory) use(path string) error {
	if err := syncDir(string(d)); err != nil {
		return err
	}
	name := d.path(currentFile)
	file, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(filepath.Base(path) + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	return syncDir(string(d))
}

func (d directory) path(name string) string { return filepath.Join(string(d), name) }

func stateName(n uint64) string { return fmt.Sprintf("state-%d.db", n) }

func stateNumber(name string) (uint64, bool) {
	text, found := strings.CutPrefix(name, "state-")
	text, is := strings.CutSuffix(text, ".db")
	n, err := strconv.ParseUint(text, 10, 63)
	return n, found && is && err == nil
}

// removeStore removes a file with its log.
func removeStore(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_ = os.Remove(path + suffix)
	}
}
