package core

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// muteStorage answers nothing.
type muteStorage struct{ storage.Storage }

func (muteStorage) Read(ctx context.Context, _, _, _ uint64) ([]storage.Entry, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (muteStorage) OpenSnapshot(ctx context.Context, _ uint64) (storage.SnapshotReader, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// hastyStorage answers that the time is up, as a connection does whose timer fires before
// the one of the context.
type hastyStorage struct{ storage.Storage }

func (hastyStorage) OpenSnapshot(context.Context, uint64) (storage.SnapshotReader, error) {
	return hastyReader{}, nil
}

type hastyReader struct{ storage.SnapshotReader }

func (hastyReader) Read([]byte) (int, error) { return 0, context.DeadlineExceeded }
func (hastyReader) Close() error             { return nil }

// A snapshot that the storage does not give in time is not damaged: the member neither
// ends for it, nor goes back to an older one.
func TestASnapshotThatIsLateIsNotDamaged(t *testing.T) {
	g := &generation{h: &Host{cfg: Config{Election: time.Second}, logger: slog.New(slog.DiscardHandler)}, storage: hastyStorage{}}
	g.state.FirstIndex = 2
	g.state.Snapshots = []storage.SnapshotInfo{{Metadata: storage.SnapshotMetadata{Index: 2, Term: 1}}}
	if _, err := g.usableSnapshot(t.Context()); !errors.Is(err, catalog.ErrHung) || errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("got %v, want %v", err, catalog.ErrHung)
	}
}

// A storage that was opened, and does not answer what is asked before the node runs, is
// taken for hung: nothing else would end the wait, as there are no appends yet. The end
// of the start does not show that.
func TestAStorageThatIsMuteBeforeTheNodeRunsIsHung(t *testing.T) {
	questions := map[string]func(context.Context, *generation) error{
		"log": func(ctx context.Context, g *generation) error {
			_, _, err := g.load(ctx, 0)
			return err
		},
		"snapshot": func(ctx context.Context, g *generation) error {
			_, err := g.usableSnapshot(ctx)
			return err
		},
	}
	for name, ask := range questions {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &generation{h: &Host{cfg: Config{Election: time.Second, Limits: plugins.DefaultLimits()}}, storage: muteStorage{}}
				g.state.LastIndex = 3
				g.state.Snapshots = []storage.SnapshotInfo{{Metadata: storage.SnapshotMetadata{Index: 2, Term: 1}}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				begun := time.Now()
				if err := ask(ctx, g); !errors.Is(err, catalog.ErrHung) {
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
				ended, end := context.WithTimeout(t.Context(), time.Second)
				defer end()
				if err := ask(ended, g); err == nil || errors.Is(err, catalog.ErrHung) {
					t.Errorf("when the start ends: %v", err)
				}
			})
		})
	}
}
