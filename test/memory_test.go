//go:build linux

package e2e

import "github.com/pontoon-raft/pontoon/test/internal/live"

// watchMemory begins to measure a node's host and the named plugins.
func (n *node) watchMemory(kinds ...string) []*live.Memory {
	n.t.Helper()
	all := []*live.Memory{live.WatchMemory(n.t, "host of "+n.name, n.host.PID())}
	for _, kind := range kinds {
		all = append(all, live.WatchMemory(n.t, kind+" plugin of "+n.name, int(n.plugin(kind).GetPid())))
	}
	return all
}
