// Package storemark knows the marks by which the storage backends with files
// tell each other's directories, so that data of one is never called a damaged
// or an empty store of another.
package storemark

import (
	"fmt"
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
