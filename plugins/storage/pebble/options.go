package pebble

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/cockroachdb/pebble/v2"
	pebblevfs "github.com/cockroachdb/pebble/v2/vfs"
)

// databaseFormat is pinned: a newer pebble must not make data that this version of
// the backend cannot read. From this one on pebble's log says up to where it
// was synced, so that damage there is told from a torn tail.
const databaseFormat = pebble.FormatWALSyncChunks

// dbOptions are those of the database. fresh says that there may be none yet.
// damage is told of damage that pebble finds outside of any call.
func dbOptions(cfg config, fsys pebblevfs.FS, logger *slog.Logger, cache *pebble.Cache, fresh bool, damage func(error)) *pebble.Options {
	return &pebble.Options{
		FS:                 fsys,
		Cache:              cache,
		ErrorIfNotExists:   !fresh,
		FormatMajorVersion: databaseFormat,
		Logger:             dbLogger{logger},
		// pebble's own answer to damage would be to end the process.
		EventListener: &pebble.EventListener{
			DataCorruption:  func(info pebble.DataCorruptionInfo) { damage(corruptf("%s: %v", info.Path, info.Details)) },
			BackgroundError: func(err error) { logger.Error("pebble works on in spite of an error", "error", err) },
		},
		MaxOpenFiles: defaultMaxOpenFiles,
		MemTableSize: uint64(cfg.MemtableBytes),
		// A table that is full while the one before it is still being written
		// must not stop appends at once.
		MemTableStopWritesThreshold: 4,
	}
}

// dbLogger passes on what pebble says.
type dbLogger struct{ *slog.Logger }

// Infof implements pebble's logger.
func (l dbLogger) Infof(format string, args ...any) { l.Debug(fmt.Sprintf(format, args...)) }

// Errorf implements pebble's logger.
func (l dbLogger) Errorf(format string, args ...any) { l.Error(fmt.Sprintf(format, args...)) }

// Fatalf implements pebble's logger. pebble calls it when its log could not be
// written or synced, and counts on it not to return. Ending the process is
// what the contract asks for too: the outcome is unknown until the next Open.
func (l dbLogger) Fatalf(format string, args ...any) {
	l.Error("pebble cannot go on: "+fmt.Sprintf(format, args...), "pid", os.Getpid())
	os.Exit(1)
}
