package core

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// silent is a storage that takes an append and does not answer it.
type silent struct{ storage.Storage }

func (silent) Append(ctx context.Context, _ []storage.Batch) error {
	<-ctx.Done()
	return ctx.Err()
}

// An append that is not answered for patience.Append ends the generation: its
// storage counts as hung, which is what makes the catalog write its stacks and
// kill it. Until then nothing is given up, since slow disks stall for seconds.
func TestAnAppendThatIsNotAnsweredEndsTheGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &Host{cfg: Config{Election: time.Second}.WithDefaults(), logger: slog.New(slog.DiscardHandler)}
		g := newGeneration(h)
		g.instance, g.storage = &catalog.Instance{}, silent{}
		g.pump = newAppendPump(g)
		began := time.Now()
		g.pump.push(node.Append{Number: 1, Batch: storage.Batch{Entries: []storage.Entry{{Term: 1, Index: 1}}}})
		g.pump.run()
		limit := patience.Append(h.cfg.Election)
		if took := time.Since(began); took <= limit || took > limit+2*h.cfg.Election {
			t.Errorf("given up after %v, want the first look after %v", took, limit)
		}
		if err := context.Cause(g.failing); !errors.Is(err, catalog.ErrHung) || !strings.Contains(err.Error(), "has not answered an append for") {
			t.Errorf("the generation ended with %v, want %v", err, catalog.ErrHung)
		}
		g.wg.Wait()
	})
}
