package core

import (
	"cmp"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/member"
)

// AuditConfig says of which requests of clients a record is kept, and how
// (docs/formats/audit.md).
type AuditConfig struct {
	// Level is "off", which is the default, "changes" of the membership and of the
	// leadership, "writes", or "all". Each records what those before it record.
	Level string
	// Dir is where the files are, by default "audit" in Config.DataDir. It is made with
	// mode 0700. No two hosts share one.
	Dir string
	// A file grows to MaxFileBytes, and MaxFiles are kept: the oldest one is removed
	// before the next one begins.
	MaxFileBytes int64
	MaxFiles     int
	// Sync says when what was recorded is made durable: with "each" batch of records,
	// at an "interval" of a second, which is the default, or by the system with "none".
	Sync string
	// OnFull says what becomes of a request whose record cannot be kept: "drop", which
	// is the default, serves it, and "refuse" refuses it before it is proposed.
	OnFull string
	// KeyFile holds the key of the sums; without one the sums need no key.
	KeyFile string
}

// newAudit makes the record of what clients ask for; nil if none is wanted.
func newAudit(cfg *Config) (*audit.Log, error) {
	a := &cfg.Audit
	return audit.New(audit.Options{
		Level: audit.Level(a.Level), Dir: cmp.Or(a.Dir, filepath.Join(cfg.DataDir, "audit")),
		MaxFileBytes: a.MaxFileBytes, MaxFiles: a.MaxFiles,
		Sync: audit.SyncPolicy(a.Sync), OnFull: audit.FullPolicy(a.OnFull), KeyFile: a.KeyFile,
		Member: member.ID(cfg.ID).String(), Name: cfg.Name, Version: cfg.Version, Logger: cfg.Logger,
	})
}
