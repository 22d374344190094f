package ownership

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrForeign: a path leads through a link of another user, or to a directory
// of one. The checks of paths match it.
var ErrForeign = errors.New("belongs to another user")

// maxLinks bounds the links of one path, as systems do.
const maxLinks = 40

// CheckDir says whether the directory at path, and every link on the way to it,
// belongs to this process's user or to root; ErrForeign if not. A path whose end
// does not exist is checked as far as it goes. Where files have no owners in the
// sense of Unix it returns nil.
//
// The answer holds for as long as no other user can write to the directories above.
func CheckDir(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return checkDir(path, path, Trusted)
}

// CheckPrivate says whether path is a directory that belongs to this process's user, that no
// other user may enter, and that no link of another user leads to. It exists: an error of
// the system tells if not.
func CheckPrivate(path string) error {
	if err := CheckDir(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() || !Ours(info) || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("the directory %s must belong to this user alone: chmod 700 it, or choose another one", path)
	}
	return nil
}

// checkDir is CheckDir with a choice of whom to trust. The names that are still
// to be looked at are in rest; done is what they stand below.
func checkDir(path, rest string, trusted func(fs.FileInfo) bool) error {
	done, links := filepath.VolumeName(rest)+string(filepath.Separator), 0
	names := split(rest)
	for len(names) > 0 {
		at := filepath.Join(done, names[0])
		names = names[1:]
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		link := info.Mode()&fs.ModeSymlink != 0
		if (link || len(names) == 0) && !trusted(info) {
			return foreign(path, at, link)
		}
		if !link {
			done = at
			continue
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s: more than %d links", path, maxLinks)
		}
		target, err := os.Readlink(at)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			done = filepath.VolumeName(target) + string(filepath.Separator)
		}
		names = append(split(target), names...)
	}
	return nil
}

// split is path as names, with dots resolved when they are joined: the meaning
// of ".." after a link is known only then.
func split(path string) []string {
	rest := strings.TrimPrefix(path, filepath.VolumeName(path))
	return strings.FieldsFunc(rest, func(r rune) bool { return r == filepath.Separator || r == '/' })
}

func foreign(path, at string, link bool) error {
	if link {
		return fmt.Errorf("%s leads through the link %s, which %w: choose a path without it", path, at, ErrForeign)
	}
	return fmt.Errorf("%s %w: run: chown %d %s, or choose another directory", at, ErrForeign, os.Getuid(), at)
}
