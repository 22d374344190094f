package api

import "testing"

// Clients never take the descriptors that plugins and storage need.
func TestConnectionsLeaveDescriptors(t *testing.T) {
	for limit, want := range map[uint64]int{0: 16, 200: 16, 272: 16, 512: 256, 1024: 768, 1280: 1024, 1 << 20: 1024, 1<<64 - 1: 1024} {
		if got := connectionsWithin(limit); got != want {
			t.Errorf("with %d descriptors %d connections, want %d", limit, got, want)
		}
	}
	if descriptorLimit() == 0 {
		t.Error("this process may have no descriptor")
	}
}
