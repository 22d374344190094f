package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A host opens its plugins with the constants of the protocol version, however
// it is configured.
func TestReadLimitsAreNoSettings(t *testing.T) {
	c, _, err := hostconfig.Load(filepath.Join("..", "..", "configs", "single.yaml"), map[string]string{
		"api.max_value_bytes": "1KiB", "limits.max_batch_bytes": "64KiB", "limits.max_chunk_bytes": "4KiB",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Host.WithDefaults().Limits
	want := plugins.ProtocolLimits(64<<10, 4<<10)
	if got != want || got.MaxEntryBytes < plugins.MaxValueBytes {
		t.Errorf("limits %+v, want %+v", got, want)
	}
}

// The configuration allows exactly what the constants allow.
func TestSettingsEndAtTheConstants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n1.yaml")
	text, err := os.ReadFile(filepath.Join("..", "..", "configs", "single.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"api.max_value_bytes": "33554432", "limits.max_batch_bytes": "16777216", "limits.max_chunk_bytes": "1048576",
	} {
		if _, _, err := hostconfig.Load(path, map[string]string{key: value}, nil); err != nil {
			t.Errorf("%s=%s: %v", key, value, err)
		}
		if _, _, err := hostconfig.Load(path, map[string]string{key: value[:len(value)-1] + "9"}, nil); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s one above: %v", key, err)
		}
	}
	if plugins.MaxValueBytes != 33554432 || plugins.MaxBatchBytes != 16777216 || plugins.MaxChunkBytes != 1048576 {
		t.Error("the constants of package plugins are others")
	}
}
