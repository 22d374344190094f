package memory

import "github.com/pontoon-raft/pontoon/plugins/storage"

// Kill ends a store as kill -9 ends a process, but for the memory.
func Kill(s storage.Storage) {
	p := s.(*plugin)
	p.Kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.releaseLocked()
}
