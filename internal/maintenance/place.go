package maintenance

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/storecopy"
	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

var (
	// ErrNoStore: there is no store in the directory. Locate returns it.
	ErrNoStore = errors.New("no store there")
	// ErrInUse: a running process holds the store. Every command that opens
	// one returns it; the text names the process.
	ErrInUse = errors.New("the node is running; stop it first")
	// ErrDamaged: the store is not what was written. Every command that reads
	// one returns it, and a copy whose bytes are not those of its source.
	ErrDamaged = errors.New("the store is damaged")
	// ErrRefused: a command does not fit the store: another member's, a part
	// of one, or one with data that the command would destroy. Nothing was
	// changed.
	ErrRefused = errors.New("refused")
)

// Place is where a node's storage plugin keeps its data.
type Place struct {
	// Data is the node's data directory, and Dir the plugin's in it.
	Data, Dir string
	// Backend is whose data it is, as far as the files tell; empty if they do
	// not.
	Backend string
}

// Locate finds the storage directory below a node's data directory. The
// storage directory itself is accepted too. While a move that was interrupted has left the
// place empty, it is that of the store before, which is whole: no node has run with the copy.
func Locate(dataDir string) (Place, error) {
	inside := filepath.Join(dataDir, string(plugins.Storage))
	for _, p := range []Place{{Data: dataDir, Dir: inside}, {Data: filepath.Dir(filepath.Clean(dataDir)), Dir: dataDir}} {
		name, found, err := look(p.Dir)
		if err != nil {
			return Place{}, err
		}
		if found {
			p.Backend = name
			return p, nil
		}
	}
	if p, found, err := locateLeft(dataDir); found || err != nil {
		return p, err
	}
	return Place{}, fmt.Errorf("%s: %w; give the data directory of a node", dataDir, ErrNoStore)
}

// locateLeft finds the store that a move was interrupted with between its two renames.
func locateLeft(dataDir string) (p Place, found bool, err error) {
	move, err := datadir.NotedMove(dataDir)
	if err != nil || move == nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return p, false, err
	}
	p = Place{Data: dataDir, Dir: filepath.Join(dataDir, move.Left)}
	p.Backend, found, err = look(p.Dir)
	return p, found, err
}

// mustBeInPlace refuses a directory that is a symbolic link: what is to come in its place would
// come in the place of the link, on another disk perhaps than the one that was chosen.
func mustBeInPlace(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%w: %s is a symbolic link, which this command would replace and not follow: "+
			"put the directory itself there, and set the link again afterwards", ErrRefused, dir)
	}
	return nil
}

// mustNotBeLeft refuses a store that was left for its copy in another backend: what is made from it
// would lack what came since, and would have no mark of that.
func mustNotBeLeft(dir string) error {
	left, err := datadir.IsLeft(dir)
	if err == nil && left {
		err = fmt.Errorf("%w: the store in %s was left for a copy in another backend, and lacks what came since: use that copy; "+
			"if there is nothing else, what is missing here is lost for good: remove the file %s there, and run the command again", ErrRefused, dir, datadir.LeftName)
	}
	return err
}

// look reports whether a store is in dir, and which.
func look(dir string) (name string, found bool, err error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	names := make([]string, len(files))
	for i := range files {
		names[i] = files[i].Name()
	}
	if !slices.Contains(names, storemark.Identity) {
		name = storemark.BackendOfFiles(names) // an identity may be lost, and the log not
		return name, name != "", nil
	}
	magic, err := readMagic(filepath.Join(dir, storemark.Identity))
	return storemark.Backend(magic), err == nil, err
}

func readMagic(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, storemark.MagicBytes))
}

// mustBeOf refuses a node whose configuration names another backend than the
// one whose data is there.
func (p Place) mustBeOf(node *Node) error {
	if node == nil || p.Backend == "" || node.Spec.Name == "" || node.Spec.Name == p.Backend {
		return nil
	}
	return fmt.Errorf("%w: %s: %s", ErrRefused, p.Dir, storemark.Sentence(p.Backend, node.Spec.Name))
}

// classify adds what kind of trouble an error of a store is.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrLocked):
		return fmt.Errorf("%w: %w", ErrInUse, err)
	case errors.Is(err, storage.ErrCorrupt), errors.Is(err, storecopy.ErrIncomplete), errors.Is(err, storecopy.ErrDiffers):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.Is(err, member.ErrNewer), errors.Is(err, storecopy.ErrOtherID):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
