package api

import "testing"

// Clients never take the descriptors that plugins and storage need.
func TestConnectionsLeaveDescriptorsForPlugins(t *testing.T) {
	for _, tc := range []struct {
		limit        uint64
		wanted, want int
	}{
		{0, 0, 16},
		{200, 0, 16},
		{272, 0, 16},
		{512, 0, 256},
		{1024, 0, 768},
		{1280, 0, 1024},
		{1 << 20, 0, 1024},
		{1<<64 - 1, 0, 1024},
		{0, 5000, 16},
		{1024, 5000, 768},
		{1024, 100, 100},
		{1 << 20, 5000, 5000},
		{1<<64 - 1, 1 << 30, 1 << 30},
	} {
		if got := connectionsWithin(tc.limit, tc.wanted); got != tc.want {
			t.Errorf("with %d descriptors, %d wanted: %d connections, want %d", tc.limit, tc.wanted, got, tc.want)
		}
	}
	if descriptorLimit() == 0 {
		t.Error("this process may have no descriptor")
	}
}
