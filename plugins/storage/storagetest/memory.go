package storagetest

import "github.com/pontoon-raft/pontoon/plugins/storage/memory"

// The reference is the store of the backend memory, without its data
// directory.
type (
	// Disk is what outlives a Memory: its durable data and its lock.
	Disk = memory.Disk
	// Memory is the reference implementation of storage.Storage.
	Memory = memory.Store
)

// NewDisk returns an empty disk.
func NewDisk() *Disk { return memory.NewDisk() }

// NewMemory returns a store over a disk of its own.
func NewMemory() *Memory { return memory.NewStore() }
