package wal

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

const (
	identityName  = storemark.Identity
	identityTemp  = "identity.tmp"
	identityMagic = "PONTWAL\x02"
	identityBytes = 56
	maxIdentity   = 256 // of any backend and version
)

// owner says whose data it is.
type owner struct{ cluster, node, group uint64 }

func (o owner) String() string {
	return fmt.Sprintf("cluster %x, node %x, group %d", o.cluster, o.node, o.group)
}

// identity is what a store keeps about itself.
type identity struct {
	owner owner
	// store is what peers know the store by (storage.State.StoreID).
	store uint64
	// salt is the initial value of header CRCs: random and never shown, so
	// that entry data cannot imitate a record.
	salt uint32
	// begun is set once the first segment exists: from then on a directory
	// without segments is a damaged one.
	begun bool
}

func (id identity) encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, identityBytes), identityMagic...)
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, id.salt)
	b = le.AppendUint64(b, id.owner.cluster)
	b = le.AppendUint64(b, id.owner.node)
	b = le.AppendUint64(b, id.owner.group)
	b = le.AppendUint64(b, id.store)
	begun := uint32(0)
	if id.begun {
		begun = 1
	}
	b = le.AppendUint32(b, begun)
	return le.AppendUint32(b, checksum(b))
}

func decodeIdentity(b []byte) (identity, bool) {
	le := binary.LittleEndian
	if len(b) != identityBytes || string(b[:8]) != identityMagic || le.Uint32(b[48:]) > 1 ||
		le.Uint32(b[52:]) != checksum(b[:52]) || le.Uint32(b[8:]) != formatVersion || le.Uint64(b[40:]) == 0 {
		return identity{}, false
	}
	return identity{
		salt:  le.Uint32(b[12:]),
		store: le.Uint64(b[40:]),
		begun: le.Uint32(b[48:]) == 1,
		owner: owner{cluster: le.Uint64(b[16:]), node: le.Uint64(b[24:]), group: le.Uint64(b[32:])},
	}, true
}

// loadIdentity reads the identity and compares it with who asks, or creates it
// in a directory that has no data, with the id store or a random one. hasLog says
// whether there are segments.
func loadIdentity(fsys vfs.FS, who owner, store uint64, hasLog, hasSnapshots bool) (identity, error) {
	id, err := readIdentity(fsys)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !hasLog && !hasSnapshots:
		return createIdentity(fsys, who, store)
	case errors.Is(err, fs.ErrNotExist):
		return identity{}, fmt.Errorf("%w: there is data but no file %q; %s", storage.ErrCorrupt, identityName, wayOut)
	case err != nil:
		return identity{}, err
	case id.owner != who:
		return identity{}, fmt.Errorf("%w: the directory is of %v, and was opened for %v",
			plugins.ErrWrongIdentity, id.owner, who)
	case id.begun && !hasLog:
		return identity{}, fmt.Errorf("%w: all files of the log are missing; %s", storage.ErrCorrupt, wayOut)
	}
	return id, nil
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
		return identity{}, unreadable(identityName, 0, err)
	}
	if err := foreign(b); err != nil {
		return identity{}, err
	}
	id, ok := decodeIdentity(b)
	if !ok {
		return identity{}, damagef(identityName, 0, "it is not a valid identity of %d bytes", size)
	}
	return id, nil
}

// foreign refuses an identity of another backend, and one that is whole and not
// of this version of this one.
func foreign(b []byte) error {
	if of := storemark.Backend(b); of != "" && of != Name {
		return otherBackend(of)
	}
	family := identityMagic[:len(identityMagic)-1]
	switch {
	case !strings.HasPrefix(string(b), "PONT") || strings.HasPrefix(string(b), identityMagic) || !storemark.IsWhole(b):
		return nil // read on: it is ours, or damaged
	case strings.HasPrefix(string(b), family):
		return fmt.Errorf("%w: %s", plugins.ErrWrongIdentity, storemark.OtherFormat(uint32(b[len(family)]), uint32(identityMagic[len(family)])))
	}
	return otherBackend(fmt.Sprintf("%q", b[:len(family)]))
}

func otherBackend(of string) error {
	return fmt.Errorf("%w: %s", plugins.ErrWrongIdentity, storemark.Sentence(of, Name))
}

func createIdentity(fsys vfs.FS, who owner, store uint64) (identity, error) {
	var random [12]byte
	if _, err := rand.Read(random[:]); err != nil {
		return identity{}, err
	}
	id := identity{
		owner: who, salt: binary.LittleEndian.Uint32(random[:]),
		store: cmp.Or(store, binary.LittleEndian.Uint64(random[4:]), 1),
	}
	return id, vfs.Replace(fsys, identityName, identityTemp, id.encode())
}

// markBegun notes that the log exists.
func markBegun(fsys vfs.FS, id identity) error {
	if id.begun {
		return nil
	}
	id.begun = true
	return vfs.Replace(fsys, identityName, identityTemp, id.encode())
}
