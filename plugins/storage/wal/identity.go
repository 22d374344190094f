package wal

import "github.com/pontoon-raft/pontoon/plugins/storage/identity"

// format is that of the identity. The salt is the initial value of header CRCs.
func format() identity.Format {
	return identity.Format{Backend: Name, Magic: "PONTWAL\x02", Version: formatVersion, Salted: true}
}
