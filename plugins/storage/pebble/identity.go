package pebble

import (
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
)

// format is that of the identity.
func format() identity.Format {
	return identity.Format{Backend: Name, Magic: "PONTPEB\x01", Version: 2}
}

// strange names a file that is not of an empty store, if there is one.
func strange(names []string) string {
	for _, name := range names {
		if name != dirlock.Name && name != identity.Temp {
			return name
		}
	}
	return ""
}
