package identity

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
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// Load reads the identity and compares it with the one that opens the store. In a
// directory without one it writes one, with the id opts.StoreID or a random one,
// durable on return. Before that stray names the file, if there is one among names,
// that a first Open which was interrupted cannot have left.
//
// Errors: ErrCorrupt, plugins.ErrWrongIdentity.
func (f Format) Load(fsys vfs.FS, opts plugins.Options, stray func(names []string) string) (Identity, error) {
	id, err := f.Read(fsys)
	if errors.Is(err, fs.ErrNotExist) {
		return f.first(fsys, opts, stray)
	}
	if err != nil {
		return Identity{}, err
	}
	if who := OwnerOf(opts); id.Owner != who {
		return Identity{}, fmt.Errorf("%w: the directory is of %v, and was opened for %v", plugins.ErrWrongIdentity, id.Owner, who)
	}
	return id, nil
}

// first writes the identity of a new store.
func (f Format) first(fsys vfs.FS, opts plugins.Options, stray func([]string) string) (Identity, error) {
	names, err := fsys.List(".")
	if err != nil {
		return Identity{}, err
	}
	if of := storemark.BackendOfFiles(names); of != "" && of != f.Backend {
		return Identity{}, OtherBackend(of, f.Backend)
	}
	if name := stray(names); name != "" {
		return Identity{}, fmt.Errorf("%w: there is %q but no file %q; %s", storage.ErrCorrupt, name, Name, corruption.WayOut)
	}
	var random [12]byte
	if _, err := rand.Read(random[:]); err != nil {
		return Identity{}, err
	}
	id := Identity{Owner: OwnerOf(opts), Store: cmp.Or(opts.StoreID, binary.LittleEndian.Uint64(random[4:]), 1)}
	if f.Salted {
		id.Salt = binary.LittleEndian.Uint32(random[:])
	}
	return id, vfs.Replace(fsys, Name, Temp, f.Encode(id))
}

// MarkBegun notes that the log exists, durable on return.
func (f Format) MarkBegun(fsys vfs.FS, id Identity) error {
	if id.Begun {
		return nil
	}
	id.Begun = true
	return vfs.Replace(fsys, Name, Temp, f.Encode(id))
}

// Read reads the identity, of any owner. The error matches fs.ErrNotExist if
// there is none.
func (f Format) Read(fsys vfs.FS) (id Identity, err error) {
	file, err := fsys.Open(Name)
	if err != nil {
		return Identity{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return Identity{}, err
	}
	b := make([]byte, min(size, maxBytes))
	if _, err := file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return Identity{}, corruption.Unreadable(Name, 0, err)
	}
	if err := f.foreign(b); err != nil {
		return Identity{}, err
	}
	id, ok := f.Decode(b)
	if !ok {
		return Identity{}, corruption.At(Name, 0, "it is not a valid identity of %d bytes", size)
	}
	return id, nil
}

// foreign refuses an identity of another backend, and one that is whole and not of
// this format of this one.
func (f Format) foreign(b []byte) error {
	if of := storemark.Backend(b); of != "" && of != f.Backend {
		return OtherBackend(of, f.Backend)
	}
	if !strings.HasPrefix(string(b), "PONT") || !storemark.IsWhole(b) {
		return nil // read on: it is ours, or damaged
	}
	format := storemark.MagicBytes - 1
	family := f.Magic[:format]
	switch version, rest := b[format], b[storemark.MagicBytes:]; {
	case string(b[:format]) != family:
		return OtherBackend(fmt.Sprintf("%q", b[:format]), f.Backend)
	case version != f.Magic[format]:
		return otherFormat(uint32(version), uint32(f.Magic[format]))
	case binary.LittleEndian.Uint32(rest) != f.Version:
		return otherFormat(binary.LittleEndian.Uint32(rest), f.Version)
	}
	return nil
}

func otherFormat(data, ours uint32) error {
	return fmt.Errorf("%w: %s", plugins.ErrWrongIdentity, storemark.OtherFormat(data, ours))
}

// OtherBackend is the error for data of one backend that was opened with another.
func OtherBackend(data, opened string) error {
	return fmt.Errorf("%w: %s", plugins.ErrWrongIdentity, storemark.Sentence(data, opened))
}
