package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
)

// errNotServed: the process of a new version ended before it was opened, or could not be
// opened, and the version before was started again.
var errNotServed = errors.New("the new version did not serve, and the one before does")

// upgradePlugin replaces the process of one plugin by one of the version that the lock of
// its catalog pins now. The lock decides which code that is: a client chooses the moment,
// and may say what it expects.
func (h *Host) upgradePlugin(ctx context.Context, kind, name, to string) (u server.PluginUpgrade, err error) {
	err = h.alone(kind, name, func(slot *catalog.Slot) error {
		next, err := slot.Next()
		switch {
		case errors.Is(err, catalog.ErrNotPinned):
			return notUpgraded("it is not from a catalog: for an upgrade its section needs \"from: catalog\"")
		case err != nil:
			return notUpgraded("%v", err)
		case to != "" && !next.Is(to):
			return notUpgraded("plugins.lock of this member pins version %s with sha256 %s, and %q was asked for: pin that first", next.Version(), next.SHA256(), to)
		}
		u = server.PluginUpgrade{VersionBefore: slot.Info().Version, SHA256: next.SHA256(), SHA256Before: slot.SHA256(), Unchanged: slot.Runs(next)}
		if !u.Unchanged {
			u.Plugin, err = h.upgrade(ctx, slot, next)
			return h.stillPinned(err, slot, next)
		}
		u.Plugin = statusOf(slot.Status())
		return nil
	})
	return u, err
}

// notUpgraded is the answer if the lock names no other version.
func notUpgraded(format string, args ...any) error {
	return &server.Error{Err: server.ErrPluginRefused, Detail: fmt.Sprintf(format, args...)}
}

// stillPinned adds to the reason why a version does not run that the lock goes on to pin it.
func (h *Host) stillPinned(err error, slot *catalog.Slot, next *catalog.Next) error {
	var e *server.Error
	if !errors.As(err, &e) || e.Detail == "" || slot.Runs(next) {
		return err
	}
	info := slot.Info()
	h.logger.Warn("plugin was not upgraded, and the next start of the host takes the version that is pinned",
		"kind", info.Kind, "plugin", info.Name, "pinned", next.Version(), "error", err)
	told := *e
	told.Detail += fmt.Sprintf("; plugins.lock pins version %s all the same, and the next start of this host takes it: pin the one before if that is not meant", next.Version())
	return &told
}

func (h *Host) upgrade(ctx context.Context, slot *catalog.Slot, next *catalog.Next) (server.PluginStatus, error) {
	was, sum := slot.Info(), slot.SHA256()
	now, err := h.renew(ctx, slot, next)
	if err != nil {
		return now, err
	}
	h.logger.Info("plugin upgraded", "kind", was.Kind, "plugin", was.Name, "version", slot.Info().Version, "sha256", next.SHA256(),
		"version_before", was.Version, "sha256_before", sum)
	return now, nil
}

// lacking says what a new version of a plugin lacks that the running host, its snapshots or
// the log may need of it.
func lacking(was, is plugins.Info) string {
	for _, c := range was.Capabilities {
		if !is.Has(c) {
			return fmt.Sprintf("lacks the capability %s, which the one that runs has", c)
		}
	}
	if was.Kind != plugins.StateMachine {
		return ""
	}
	v, w := is.CommandVersions, was.CommandVersions
	switch f := is.SnapshotFormats; {
	case !f.Reads(was.SnapshotFormats.Written):
		return fmt.Sprintf("reads no snapshots of format %d, which the one that runs writes, but %s", was.SnapshotFormats.Written, f)
	case v.Least > w.Least || v.Greatest < w.Greatest:
		return fmt.Sprintf("applies the command versions %s, and the one that runs %s", v, w)
	}
	return ""
}
