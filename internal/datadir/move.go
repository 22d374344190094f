package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/memberform"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Phase is how far a move of the store from one backend to another is.
type Phase string

// The phases, in their order.
const (
	// Copying: the store is in its place, and what there is of the copy is worth nothing.
	Copying Phase = "copying"
	// Switching: the copy is whole, and takes the place of the store.
	Switching Phase = "switching"
	// Trial: the copy is in the place, and no node has run with it.
	Trial Phase = "trial"
	// Returning: the copy could not be used, and the store comes back to its place.
	Returning Phase = "returning"
)

// A Move is a move of the store that is under way. It is noted in the pins before a phase
// begins, so that a host that ends in any of them goes on at the next start: one of the two
// stores is in force at any moment.
type Move struct {
	// From and To are the names of the backends.
	From string `json:"from"`
	To   string `json:"to"`
	// Left is the folder in the data directory to which the old store goes.
	Left  string `json:"left"`
	Phase Phase  `json:"phase"`
}

// ErrMove: the folders of a move are not those of any of its phases. Nothing was changed.
var ErrMove = errors.New("the folders of the store are not as a move between backends leaves them")

// Check refuses a move that cannot be noted: one with names that no folder has, or that no
// host has written.
func (m *Move) Check() error {
	if m == nil {
		return nil
	}
	switch m.Phase {
	case Copying, Switching, Trial, Returning:
	default:
		return fmt.Errorf("phase %q is unknown", m.Phase)
	}
	if err := errors.Join(memberform.CheckName(m.From), memberform.CheckName(m.To)); err != nil {
		return err
	}
	if m.From == m.To || !strings.HasPrefix(m.Left, string(plugins.Storage)+".") || filepath.Base(m.Left) != m.Left || m.Left == m.Copy() {
		return fmt.Errorf("%q is no folder of a store that was left", m.Left)
	}
	return nil
}

// Copy is the folder in the data directory in which the copy is made.
func (m *Move) Copy() string { return CopyFolder(m.To) }

// CopyFolder is the folder in a data directory in which a copy for a backend is made.
func CopyFolder(backend string) string { return string(plugins.Storage) + "." + backend + ".new" }

// folders are the paths of a move.
func (m *Move) folders(dataDir string) (place, made, left string) {
	return filepath.Join(dataDir, string(plugins.Storage)), filepath.Join(dataDir, m.Copy()), filepath.Join(dataDir, m.Left)
}

// Forward puts the copy in the place of the store. It goes on from wherever an earlier one
// was interrupted, and its effect is durable.
func (m *Move) Forward(dataDir string) error {
	place, made, left := m.folders(dataDir)
	there, err := present(place, made, left)
	switch {
	case err != nil:
		return err
	case there[0] && there[1] && !there[2]:
		if err := renamed(place, left); err != nil {
			return err
		}
		return renamed(made, place)
	case !there[0] && there[1] && there[2]:
		return renamed(made, place)
	case there[0] && !there[1] && there[2]:
		return nil
	}
	return fmt.Errorf("%w: of %s, %s and %s there are %v", ErrMove, place, made, left, there)
}

// Back puts the store back into its place, and removes the copy. It goes on from wherever
// a Forward or an earlier Back was interrupted, and its effect is durable.
func (m *Move) Back(dataDir string) error {
	place, made, left := m.folders(dataDir)
	there, err := present(place, made, left)
	switch {
	case err != nil:
		return err
	case there[0] && !there[2]:
	case !there[0] && there[2]:
		err = renamed(left, place)
	case there[0] && !there[1] && there[2]:
		if err = renamed(place, made); err == nil {
			err = renamed(left, place)
		}
	default:
		err = fmt.Errorf("%w: of %s, %s and %s there are %v", ErrMove, place, made, left, there)
	}
	if err == nil && m.Phase == Returning {
		err = unmark(place)
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(made)
}

// MayReturn refuses a way back from the trial of a copy if the store before is gone: the copy is
// all that there is.
func (m *Move) MayReturn(dataDir string) error {
	_, _, left := m.folders(dataDir)
	there, err := present(left)
	if err == nil && !there[0] {
		err = fmt.Errorf("%w: the store before, %s, is gone, and its copy stays in force", ErrMove, left)
	}
	return err
}

// Settle brings a move that a host was interrupted in to a point at which one of the two stores
// is in force: the copy, which no node has run with, or else the store.
func (m *Move) Settle(dataDir string) (onTrial bool, err error) {
	switch m.Phase {
	case Trial:
		return true, nil
	case Switching:
		place, made, left := m.folders(dataDir)
		there, err := present(place, made, left)
		if err != nil {
			return false, err
		}
		if !there[0] || there[1] || there[2] { // else the copy was given up
			return true, m.Forward(dataDir)
		}
	}
	return false, m.Back(dataDir)
}

// present tells which of the paths are there.
func present(paths ...string) (there []bool, err error) {
	for _, p := range paths {
		_, err := os.Lstat(p)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		there = append(there, err == nil)
	}
	return there, nil
}

// renamed renames a folder to a name that is free, durably.
func renamed(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return vfs.SyncOSDir(filepath.Dir(to))
}

// LeftName is the file that tells a store which was left for a copy of another backend.
const LeftName = "LEFT"

// MarkLeft marks the store in dir as one that was left, durably: no host starts with it. A
// store that is gone needs no mark.
func MarkLeft(dir, backend string) (err error) {
	fsys, err := vfs.OS(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	text := fmt.Sprintf("This store was left for its copy in the backend %s. It lacks what came since,\nand the peers cannot tell: start no member with it.\n", backend)
	return vfs.Replace(fsys, LeftName, LeftName+".tmp", []byte(text))
}

// unmark takes the mark of MarkLeft from a store that comes back, durably: no node has run with
// its copy, so that it lacks nothing.
func unmark(dir string) (err error) {
	fsys, err := vfs.OS(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	if err := fsys.Remove(LeftName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fsys.SyncDir(".")
}

// IsLeft tells whether the store in dir was left for a copy.
func IsLeft(dir string) (bool, error) {
	there, err := present(filepath.Join(dir, LeftName))
	return err == nil && there[0], err
}

// NoteMove notes in the data directory of a stopped node, which the caller has taken, that a move of
// its store is under way, durably.
func NoteMove(dataDir string, move *Move) error {
	return withPins(dataDir, func(p *Pins) bool {
		p.Move = move
		return true
	})
}

// NotedMove is the move of the store that was under way when the node, or a command, was stopped; nil
// if none was.
func NotedMove(dataDir string) (move *Move, err error) {
	err = withPins(dataDir, func(p *Pins) bool {
		move = p.Move
		return false
	})
	return move, err
}

// EndMove notes in the data directory of a stopped node, which the caller has taken, that no move is
// under way, and that the store is one of that backend now, durably.
func EndMove(dataDir, backend string) error {
	return withPins(dataDir, func(p *Pins) bool {
		p.Move, p.Storage = nil, backend
		return true
	})
}

// withPins reads the pins of a data directory, and writes them if change has changed them.
func withPins(dataDir string, change func(*Pins) bool) (err error) {
	fsys, err := vfs.OS(dataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fsys.Close()) }()
	p, err := ReadPins(fsys)
	if err != nil || !change(&p) {
		return err
	}
	return p.Write(fsys)
}
