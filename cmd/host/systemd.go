package main

import (
	"context"
	"log/slog"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/sdnotify"
)

// tellSystemd has the systemd that started this process told how the host does, until
// ctx ends; it does nothing elsewhere. The stop does not wait for systemd.
func tellSystemd(ctx context.Context, h *core.Host, logger *slog.Logger) {
	manager, err := sdnotify.Find(logger)
	if err != nil {
		logger.Warn("systemd is not told how this host does", "error", err)
	}
	if manager == nil {
		return
	}
	go manager.Run(ctx, func() sdnotify.Condition {
		health := h.Health()
		return sdnotify.Condition{NotReady: health.NotReady, NotLive: health.NotLive, Text: health.Text}
	})
}
