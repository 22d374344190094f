package main

import (
	"errors"
	"os"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

func local3(t *testing.T) *hostconfig.Config {
	t.Helper()
	c, _, err := hostconfig.Load(local3Config(t, 1), nil, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A configuration and the audit take the same sizes and numbers of files: neither
// refuses what the other lets pass.
func TestConfigurationAndAuditHaveTheSameBounds(t *testing.T) {
	for _, x := range []struct {
		bytes int64
		files int
		good  bool
	}{
		{audit.MinFileBytes, audit.MinFiles, true},
		{audit.MaxFileBytes, audit.MaxFiles, true},
		{audit.MinFileBytes - 1, audit.MinFiles, false},
		{audit.MaxFileBytes + 1, audit.MinFiles, false},
		{audit.MinFileBytes, audit.MinFiles - 1, false},
		{audit.MinFileBytes, audit.MaxFiles + 1, false},
	} {
		c := local3(t)
		a := &c.Host.Audit
		a.MaxFileBytes, a.MaxFiles, a.Dir = x.bytes, x.files, "audit"
		if err := c.Validate(); (err == nil) != x.good || err != nil && !errors.Is(err, hostconfig.ErrInvalid) {
			t.Errorf("%d files of %d bytes: the configuration says %v", x.files, x.bytes, err)
		}
		if _, err := audit.New(audit.Options{Level: audit.All, Dir: a.Dir, MaxFileBytes: a.MaxFileBytes, MaxFiles: a.MaxFiles}); (err == nil) != x.good || err != nil && !errors.Is(err, audit.ErrInvalid) {
			t.Errorf("%d files of %d bytes: the audit says %v", x.files, x.bytes, err)
		}
	}
}

// Each role that the host has can be configured, and means itself there.
func TestConfigurationHasTheRolesOfTheHost(t *testing.T) {
	for r := access.None; r <= access.Administer; r++ {
		c := local3(t)
		c.Host.Access.Anonymous = r.String()
		if err := c.Validate(); err != nil {
			t.Errorf("%v: %v", r, err)
		}
		if got, err := access.ParseRole(c.Host.Access.Anonymous); err != nil || got != r {
			t.Errorf("%v becomes %v, %v", r, got, err)
		}
	}
}
