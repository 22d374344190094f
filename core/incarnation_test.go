package core

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A tool that opens the store of a stopped host comes after all lives of the host
// before it, and before all that follow, though the clock is set back.
func TestOfflineToolsComeBetweenTheLivesOfAHost(t *testing.T) {
	dir, last := t.TempDir(), uint64(0)
	for _, now := range []uint64{1 << 60, 7, 1 << 61, 5_000} {
		h := &Host{cfg: Config{DataDir: dir, Logger: slog.New(slog.DiscardHandler)}}
		h.logger, h.identity = h.cfg.Logger, newIdentity(h)
		if err := errors.Join(h.identity.open(t.Context()), h.beginLife(now)); err != nil {
			t.Fatal(err)
		}
		opts, err := h.options(plugins.Info{Kind: plugins.Storage}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if opts.Incarnation <= last {
			t.Errorf("a host at %d: incarnation %d after %d", now, opts.Incarnation, last)
		}
		last = opts.Incarnation
		if err := errors.Join(h.identity.pins.admit(7), h.identity.close()); err != nil {
			t.Fatal(err)
		}
		for _, tool := range []uint64{3, now} {
			got := datadir.OfflineIncarnation(dir, tool)
			if got <= opts.Incarnation {
				t.Errorf("a tool at %d: incarnation %d after %d", tool, got, opts.Incarnation)
			}
			last = max(last, got)
		}
	}
}

// Where no host has noted anything, or its notes are damaged, a tool takes the
// clock.
func TestOfflineToolsWithoutNotesTakeTheClock(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"empty": "{}", "damaged": "{"} {
		if got := datadir.OfflineIncarnation(dir, 5); got != 5 {
			t.Errorf("no notes: incarnation %d", got)
		}
		path := filepath.Join(dir, datadir.PinsName)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := datadir.OfflineIncarnation(dir, 5); got != 5 {
			t.Errorf("%s: incarnation %d", name, got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
