//go:build linux

package pebble_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRollingMigration: a cluster of three that serves moves from wal to pebble and back, by one
// command each and without a restart of a host.
func TestRollingMigration(t *testing.T) {
	d := deploy(t)
	next := "next:\n      " + strings.TrimSuffix(strings.ReplaceAll(d.pebbleSection(), "\n    ", "\n      "), "\n")
	for i := range 3 {
		d.serve(i, d.configure(i, "name: wal\n    "+next))
	}
	d.until("kv", "put", "a", "1", "--endpoints", d.endpoints())
	d.until("storage", "migrate", "--rolling", "--to", "pebble", "--endpoints", d.endpoints())
	for i := range 3 {
		if _, err := os.Stat(filepath.Join(d.data(i), "storage", "db")); err != nil {
			t.Errorf("n%d: %v", i+1, err)
		}
	}
	d.until("kv", "put", "b", "2", "--endpoints", d.endpoints())
	pebble := strings.TrimSuffix(d.pebbleSection(), "\n")
	for i := range 3 {
		d.configure(i, pebble+"\n    next:\n      name: wal")
	}
	d.until("storage", "migrate", "--rolling", "--to", "wal", "--endpoints", d.endpoints())
	for i := range 3 {
		if _, err := os.Stat(filepath.Join(d.data(i), "storage", "db")); err == nil {
			t.Errorf("n%d has the store of pebble", i+1)
		}
		for key, want := range map[string]string{"a": "1", "b": "2"} {
			if got := d.until("kv", "get", key, "--endpoints", d.clients[i]); got != want {
				t.Errorf("n%d has %q for %s, want %s", i+1, got, key, want)
			}
		}
	}
}
