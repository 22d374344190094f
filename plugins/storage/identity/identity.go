// Package identity keeps the file that says whose data a store's directory has. It
// is the first file of a store and carries the id by which peers know it.
//
// Each backend has a Format of its own, and refuses a file of another one with the
// name of the backend that wrote it.
package identity

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/pontoon-raft/pontoon/internal/storemark"
	"github.com/pontoon-raft/pontoon/plugins"
)

const (
	// Name is the file.
	Name = storemark.Identity
	// Temp is the file before it has its name.
	Temp = "identity.tmp"
	// maxBytes is more than any backend and version has.
	maxBytes = 256
)

// Owner says whose data it is.
type Owner struct{ Cluster, Node, Group uint64 }

// OwnerOf is the one that opens a store.
func OwnerOf(opts plugins.Options) Owner { return Owner{opts.ClusterID, opts.NodeID, opts.Group} }

// String is for people.
func (o Owner) String() string {
	return fmt.Sprintf("cluster %x, node %x, group %d", o.Cluster, o.Node, o.Group)
}

// Identity is what a store keeps about itself.
type Identity struct {
	Owner Owner
	// Store is what peers know the store by (storage.State.StoreID).
	Store uint64
	// Salt is random and never shown. A format mixes it into its checksums, so
	// that entry data cannot imitate a record. 0 in a format without one.
	Salt uint32
	// Begun is set once the log exists: from then on a directory without one is a
	// damaged one.
	Begun bool
}

// Format is a backend's form of the file: magic, version, the salt if there is one,
// cluster, node, group and store, whether it has begun, and a CRC-32C.
type Format struct {
	// Backend is its name, for reports.
	Backend string
	// Magic is the beginning, 8 bytes long. The marks PONTWAL, PONTPEB and PONTMEM are taken.
	Magic   string
	Version uint32
	Salted  bool
}

// ids are cluster, node, group and store.
const ids = 4 * 8

func (f Format) bytes() int { return f.saltEnd() + ids + 4 + crc32.Size }

// saltEnd is the place of the ids.
func (f Format) saltEnd() int {
	if f.Salted {
		return storemark.MagicBytes + 8
	}
	return storemark.MagicBytes + 4
}

// Encode is the whole file.
func (f Format) Encode(id Identity) []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, f.bytes()), f.Magic...)
	b = le.AppendUint32(b, f.Version)
	if f.Salted {
		b = le.AppendUint32(b, id.Salt)
	}
	b = le.AppendUint64(b, id.Owner.Cluster)
	b = le.AppendUint64(b, id.Owner.Node)
	b = le.AppendUint64(b, id.Owner.Group)
	b = le.AppendUint64(b, id.Store)
	begun := uint32(0)
	if id.Begun {
		begun = 1
	}
	b = le.AppendUint32(b, begun)
	return le.AppendUint32(b, checksum(b))
}

// Decode reads a whole file of this format, and nothing else.
func (f Format) Decode(b []byte) (Identity, bool) {
	le := binary.LittleEndian
	if len(b) != f.bytes() || string(b[:storemark.MagicBytes]) != f.Magic || le.Uint32(b[storemark.MagicBytes:]) != f.Version {
		return Identity{}, false
	}
	at, end := f.saltEnd(), len(b)-crc32.Size
	id := Identity{
		Owner: Owner{Cluster: le.Uint64(b[at:]), Node: le.Uint64(b[at+8:]), Group: le.Uint64(b[at+16:])},
		Store: le.Uint64(b[at+24:]), Begun: le.Uint32(b[at+ids:]) == 1,
	}
	if f.Salted {
		id.Salt = le.Uint32(b[at-4:])
	}
	sound := le.Uint32(b[end:]) == checksum(b[:end]) && le.Uint32(b[at+ids:]) <= 1 && id.Store != 0
	return id, sound
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
