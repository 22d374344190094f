package main

import (
	"os"
	"runtime"
	"testing"
)

// TestMemoryGrowth: memory that is touched after the start counts, and not
// before.
func TestMemoryGrowth(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc, which only Linux has")
	}
	m, err := watchMemory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4 << 10 {
		block[i] = 1
	}
	growth, err := m.growth()
	if err != nil || growth < 32<<20 {
		t.Errorf("after 64 MiB the growth is %d bytes, %v", growth, err)
	}
	runtime.KeepAlive(block)
}
