package core

import (
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/audit"
)

// newAudit makes the record of what clients ask for; nil if none is wanted.
func newAudit(cfg *Config) (*audit.Log, error) {
	o := cfg.Audit
	if o.Dir == "" {
		o.Dir = filepath.Join(cfg.DataDir, "audit")
	}
	o.Member, o.Name, o.Version, o.Logger = cfg.ID.String(), cfg.Name, cfg.Version, cfg.Logger
	return audit.New(o)
}
