package audit

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// ErrInvalid is matched by the error of Start for options that cannot be.
var ErrInvalid = errors.New("invalid audit options")

// A Level says which requests are recorded. Each level records what those before
// it record.
type Level string

// The levels.
const (
	// Off records nothing.
	Off Level = "off"
	// Changes records changes of the membership and of the leadership that clients
	// ask for.
	Changes Level = "changes"
	// Writes records proposals too.
	Writes Level = "writes"
	// All records queries too.
	All Level = "all"
)

// A SyncPolicy says when what was recorded is made durable. A file that is full
// is made durable under each of them.
type SyncPolicy string

// The policies.
const (
	// SyncEach makes each batch of records durable when it is written.
	SyncEach SyncPolicy = "each"
	// SyncInterval does so a second later at the latest.
	SyncInterval SyncPolicy = "interval"
	// SyncNone leaves it to the system.
	SyncNone SyncPolicy = "none"
)

// A FullPolicy says what becomes of a request whose record cannot be kept.
type FullPolicy string

// The policies.
const (
	// Drop serves it. The chain says later how many records it lacks.
	Drop FullPolicy = "drop"
	// Refuse refuses it with ErrUnavailable before it is proposed.
	Refuse FullPolicy = "refuse"
)

// Options say what a Log records, where and how.
type Options struct {
	// Level is Off if empty.
	Level Level
	// Dir is where the files are. It is made with mode 0700. No two logs share
	// one.
	Dir string
	// MaxFileBytes is how long a file grows, MaxFiles how many are kept: the
	// oldest one is removed before.
	MaxFileBytes int64
	MaxFiles     int
	// Sync is SyncInterval if empty, OnFull is Drop.
	Sync   SyncPolicy
	OnFull FullPolicy
	// KeyFile holds the key of the sums; without one the sums need no key.
	KeyFile string
	// Member and Name are those of the host, and Version is its program's: they
	// are in the records.
	Member, Name, Version string
	// Logger is told how it goes; nothing is said if it is nil. It must not wait.
	Logger *slog.Logger
	// FS, if it is set, is the directory instead of Dir.
	FS vfs.FS
}

// Bounds of the options. A host reads the whole of its last file when it starts.
const (
	MinFileBytes = 64 << 10
	MaxFileBytes = 1 << 30
	MinFiles     = 2
	MaxFiles     = 10_000
)

func (o Options) withDefaults() Options {
	o.Level = cmp.Or(o.Level, Off)
	o.Sync = cmp.Or(o.Sync, SyncInterval)
	o.OnFull = cmp.Or(o.OnFull, Drop)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

func (o Options) check() error {
	switch o.Level {
	case Off, Changes, Writes, All:
	default:
		return fmt.Errorf("%w: level %q is none of off, changes, writes and all", ErrInvalid, o.Level)
	}
	switch o.Sync {
	case SyncEach, SyncInterval, SyncNone:
	default:
		return fmt.Errorf("%w: sync %q is none of each, interval and none", ErrInvalid, o.Sync)
	}
	switch {
	case o.OnFull != Drop && o.OnFull != Refuse:
		return fmt.Errorf("%w: on_full %q is neither drop nor refuse", ErrInvalid, o.OnFull)
	case o.MaxFileBytes < MinFileBytes || o.MaxFileBytes > MaxFileBytes:
		return fmt.Errorf("%w: files of %d bytes; they may have from %d to %d", ErrInvalid, o.MaxFileBytes, MinFileBytes, MaxFileBytes)
	case o.MaxFiles < MinFiles || o.MaxFiles > MaxFiles:
		return fmt.Errorf("%w: %d files; there may be from %d to %d", ErrInvalid, o.MaxFiles, MinFiles, MaxFiles)
	case o.Dir == "" && o.FS == nil && o.Level != Off:
		return fmt.Errorf("%w: no directory", ErrInvalid)
	}
	return nil
}
