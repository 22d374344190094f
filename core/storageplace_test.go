package core

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// movedHost is a host that has its data directory.
func movedHost(t *testing.T) *Host {
	t.Helper()
	p, err := openPins(vfs.NewMem())
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{cfg: Config{DataDir: t.TempDir()}, logger: slog.New(slog.DiscardHandler)}
	h.identity = newIdentity(h)
	h.identity.pins = p
	return h
}

// The section in force is the one that was noted, or else that of the mark in the store; a
// note of a backend that is configured nowhere is refused unless the store says otherwise.
func TestTheSectionInForce(t *testing.T) {
	next := &PluginConfig{Name: "pebble"}
	for name, x := range map[string]struct {
		noted, mark, storage string
		next                 *PluginConfig
		want                 string
	}{
		"never moved":               {"", "", "wal", next, "wal"},
		"moved":                     {"pebble", "PONTPEB\x01", "wal", next, "pebble"},
		"moved, and tidied":         {"pebble", "PONTPEB\x01", "pebble", nil, "pebble"},
		"moved offline":             {"", "PONTPEB\x01", "wal", next, "pebble"},
		"moved back offline":        {"other", "PONTWAL\x02", "wal", nil, "wal"},
		"a note without a section":  {"other", "", "wal", next, ""},
		"a section without a name":  {"other", "", "", nil, "nameless"},
		"the data of another store": {"", "PONTPEB\x01", "wal", nil, "wal"},
	} {
		h := movedHost(t)
		if err := h.identity.pins.noteMove(x.noted, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(h.storeDir(), 0o700); err != nil {
			t.Fatal(err)
		}
		if x.mark != "" {
			if err := os.WriteFile(filepath.Join(h.storeDir(), "identity"), []byte(x.mark), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h.cfg.Storage, h.cfg.NextStorage = PluginConfig{Name: x.storage}, x.next
		section, err := h.sectionInForce()
		switch {
		case x.want == "":
			if !errors.Is(err, plugins.ErrInvalidConfig) {
				t.Errorf("%s: %v, %v", name, section, err)
			}
		case err != nil || section.Name != x.want && x.want != "nameless":
			t.Errorf("%s: %v, %v", name, section, err)
		}
	}
}
