package core_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// slowHandler is an embedder's own handler, which waits at a gate.
type slowHandler struct {
	slog.Handler
	gate *gate
}

func (h slowHandler) Handle(ctx context.Context, r slog.Record) error {
	if err := h.gate.pass(ctx); err != nil {
		return err
	}
	return h.Handler.Handle(ctx, r)
}

func (h slowHandler) WithAttrs(a []slog.Attr) slog.Handler {
	return slowHandler{h.Handler.WithAttrs(a), h.gate}
}

// A logger of an embedder that waits holds up nothing: the host starts, leads,
// serves and stops, and its status says that the log is not read.
func TestAnEmbeddersLogHoldsUpNothing(t *testing.T) {
	var log gate
	log.close()
	t.Cleanup(log.open)
	c := newCluster(t, 1, func(cfg *core.Config) { cfg.Logger = slog.New(slowHandler{cfg.Logger.Handler(), &log}) })
	c.leader()
	c.propose(1, "while nobody reads")
	c.eventually("a warning", func() bool { return c.warns(1, server.WarnLogStuck) != "" })
	if lines := c.nodes[1].log.all(); len(lines) > 0 {
		t.Fatalf("the log is read: %v", lines)
	}
	c.stop(1)
	log.open()
	for _, line := range []string{"host is running", "stopping"} {
		c.says(1, line)
	}
}
