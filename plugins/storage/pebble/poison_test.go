package pebble

import (
	"errors"
	"log/slog"
	"testing"

	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/poison"
	"github.com/pontoon-raft/pontoon/plugins/storage/shell"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// A call that waits while another one fails is not acknowledged: the shell has let it in
// before the store was poisoned.
func TestAPoisonedLogTakesNothing(t *testing.T) {
	const dir = "/data"
	files, db := vfs.NewMem(), pebblevfs.NewMem()
	if err := db.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cfg, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	place := shell.Place{
		FS: files, Logger: logger, Poison: poison.New(logger),
		Options: plugins.Options{DataDir: dir, Limits: plugins.DefaultLimits()},
	}
	log, _, err := openDatabase(place, db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	one := []storage.Batch{{Entries: []storage.Entry{{Index: 1, Term: 1}}, MustSync: true}}
	if err := log.Append(one); err != nil {
		t.Fatal(err)
	}
	_ = place.Poison.Fail(errors.New("the disk is broken"))
	two := []storage.Batch{{Entries: []storage.Entry{{Index: 2, Term: 1}}, MustSync: true}}
	_, compacted := log.Compact(1, 1)
	for call, err := range map[string]error{
		"append": log.Append(two), "compact": compacted, "install": log.Install(5, 1, storage.HardState{}),
	} {
		if !errors.Is(err, plugins.ErrClosed) {
			t.Errorf("%s: %v, want %v", call, err, plugins.ErrClosed)
		}
	}
}
