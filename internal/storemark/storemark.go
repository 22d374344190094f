// Package storemark knows the marks by which the storage backends with files
// tell each other's directories, so that data of one is never called a damaged
// or an empty store of another.
package storemark

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	// Identity is the file whose beginning says whose data a directory has.
	Identity = "identity"
	// MagicBytes is how long that beginning is.
	MagicBytes = 8

	familyBytes = MagicBytes - 1 // the last byte is the format
)

// Backend names the backend that begins its identity like this; empty if none
// is known that does. No single damage makes one's mark another's.
func Backend(identity []byte) string {
	if len(identity) < MagicBytes {
		return ""
	}
	switch string(identity[:familyBytes]) {
	case "PONTWAL":
		return "wal"
	case "PONTPEB":
		return "pebble"
	case "PONTMEM":
		return "memory"
	}
	return ""
}

// BackendOfFiles names the backend that has files of these names besides its
// identity; empty if none is known.
func BackendOfFiles(names []string) string {
	for _, name := range names {
		if name == "db" {
			return "pebble"
		}
		digits, isLog := strings.CutSuffix(name, ".log")
		if _, err := strconv.ParseUint(digits, 16, 64); isLog && len(digits) == 16 && err == nil {
			return "wal"
		}
	}
	return ""
}

// Sentence says that data of a backend was opened with another one, and what to do.
func Sentence(data, opened string) string {
	return fmt.Sprintf("the directory has the data of the storage backend %s, and was opened with %s; nothing was changed: "+
		"set plugins.storage back to %s, and to move the data run host storage migrate --to %s before you change it", data, opened, data, opened)
}

// IsWhole tells whether an identity of any format of the backends with files is
// as it was written: it ends with the CRC-32C of what stands before it.
func IsWhole(identity []byte) bool {
	end := len(identity) - crc32.Size
	return end >= MagicBytes &&
		binary.LittleEndian.Uint32(identity[end:]) == crc32.Checksum(identity[:end], crc32.MakeTable(crc32.Castagnoli))
}

// OtherFormat says that a directory was written in another format of the same
// backend, and what to do.
func OtherFormat(data, ours uint32) string {
	return fmt.Sprintf("the directory was written by another version of this backend (format %d, this one is %d); nothing was changed: "+
		"start it with that version; without it the way out is to remove this member from the cluster, empty its data directory "+
		"and add it as a new member", data, ours)
}
