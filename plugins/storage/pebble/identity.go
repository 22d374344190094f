package pebble

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/dirlock"
)

const (
	// identityName is that of the other backends too, so that each refuses the
	// data of the others.
	identityName    = storemark.Identity
	identityTemp    = "identity.tmp"
	identityMagic   = "PONTPEB\x01"
	identityVersion = 2
	identityBytes   = 52
	maxIdentity     = 256 // of any backend and version
)

// identity says whose data a directory holds.
type identity struct {
	cluster, node, group uint64
	store                uint64 // what peers know the store by
	// begun is set once the database exists: from then on its absence is
	// damage.
	begun bool
}

func (id identity) encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, identityBytes), identityMagic...)
	b = le.AppendUint32(b, identityVersion)
	b = le.AppendUint64(b, id.cluster)
	b = le.AppendUint64(b, id.node)
	b = le.AppendUint64(b, id.group)
	b = le.AppendUint64(b, id.store)
	begun := uint32(0)
	if id.begun {
		begun = 1
	}
	b = le.AppendUint32(b, begun)
	return le.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func decodeIdentity(b []byte) (identity, bool) {
	le := binary.LittleEndian
	if len(b) != identityBytes || string(b[:8]) != identityMagic || le.Uint32(b[8:]) != identityVersion ||
		le.Uint64(b[36:]) == 0 || le.Uint32(b[44:]) > 1 || le.Uint32(b[48:]) != crc32.Checksum(b[:48], crc32.MakeTable(crc32.Castagnoli)) {
		return identity{}, false
	}
	return identity{
		cluster: le.Uint64(b[12:]), node: le.Uint64(b[20:]), group: le.Uint64(b[28:]),
		store: le.Uint64(b[36:]), begun: le.Uint32(b[44:]) == 1,
	}, true
}

// loadIdentity reads the identity and compares it with who asks, or writes it
// into a directory that has nothing.
func loadIdentity(fsys vfs.FS, opts plugins.Options) (identity, error) {
	who := identity{cluster: opts.ClusterID, node: opts.NodeID, group: opts.Group}
	id, err := readIdentity(fsys)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mustBeNew(fsys); err != nil {
			return identity{}, err
		}
		var random [8]byte
		if _, err := rand.Read(random[:]); err != nil {
			return identity{}, err
		}
		who.store = cmp.Or(opts.StoreID, binary.LittleEndian.Uint64(random[:]), 1)
		return who, vfs.Replace(fsys, identityName, identityTemp, who.encode())
	}
	if err != nil {
		return identity{}, err
	}
	if who.begun, who.store = id.begun, id.store; id != who {
		return identity{}, fmt.Errorf("%w: the directory is of cluster %x, node %x, group %d, and was opened for %x, %x, %d",
			plugins.ErrWrongIdentity, id.cluster, id.node, id.group, who.cluster, who.node, who.group)
	}
	return id, nil
}

func mustBeNew(fsys vfs.FS) error {
	names, err := fsys.List(".")
	if err != nil {
		return err
	}
	if of := storemark.BackendOfFiles(names); of != "" && of != Name {
		return otherBackend(of)
	}
	for _, name := range names {
		if name != dirlock.Name && name != identityTemp {
			return fmt.Errorf("%w: there is %q but no file %q; %s", storage.ErrCorrupt, name, identityName, wayOut)
		}
	}
	return nil
}

func readIdentity(fsys vfs.FS) (id identity, err error) {
	f, err := fsys.Open(identityName)
	if err != nil {
		return identity{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return identity{}, err
	}
	b := make([]byte, min(size, maxIdentity))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return identity{}, fmt.Errorf("%w: %s: %w", storage.ErrCorrupt, identityName, err)
	}
	if of := storemark.Backend(b); of != "" && of != Name {
		return identity{}, otherBackend(of)
	}
	if strings.HasPrefix(string(b), identityMagic) && storemark.IsWhole(b) {
		if version := binary.LittleEndian.Uint32(b[len(identityMagic):]); version != identityVersion {
			return identity{}, fmt.Errorf("%w: %s", plugins.ErrWrongIdentity, storemark.OtherFormat(version, identityVersion))
		}
	}
	id, ok := decodeIdentity(b)
	if !ok {
		return identity{}, fmt.Errorf("%w: %s is not a valid identity of this backend; %s", storage.ErrCorrupt, identityName, wayOut)
	}
	return id, nil
}

func otherBackend(of string) error {
	return fmt.Errorf("%w: %s", plugins.ErrWrongIdentity, storemark.Sentence(of, Name))
}
