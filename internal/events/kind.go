package events

// A Kind says what an event is about. The set is closed: programs choose by it.
type Kind string

// The kinds. docs/events.md says of each when it happens.
const (
	Election    Kind = "election"
	Leader      Kind = "leader"
	Plugin      Kind = "plugin"
	Sync        Kind = "sync"
	Membership  Kind = "membership"
	Snapshot    Kind = "snapshot"
	Space       Kind = "space"
	Certificate Kind = "certificate"
	Storage     Kind = "storage"
	Quarantine  Kind = "quarantine"
)

// Kinds are all kinds, in the order of docs/events.md.
func Kinds() []Kind {
	return []Kind{Election, Leader, Plugin, Sync, Membership, Snapshot, Space, Certificate, Storage, Quarantine}
}
