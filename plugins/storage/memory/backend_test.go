package memory_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/memory"
	"github.com/pontoon-raft/pontoon/plugins/storage/storagetest"
)

func TestConformance(t *testing.T) {
	b := memory.Backend()
	storagetest.Run(t, storagetest.Harness{
		New: func(t testing.TB, _ string) storage.Storage {
			s := b.NewStorage(backend.Env{})
			t.Cleanup(func() { _ = s.Close(context.Background()) })
			return s
		},
		Kill: func(_ testing.TB, s storage.Storage) { memory.Kill(s) },
	})
}

func options(dir, config string) plugins.Options {
	return plugins.Options{Config: []byte(config), ClusterID: 1, NodeID: 1, Group: 1, DataDir: dir, Limits: plugins.DefaultLimits()}
}

func TestOpenSaysThatNothingIsKept(t *testing.T) {
	var log bytes.Buffer
	s := memory.Backend().NewStorage(backend.Env{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if _, err := s.Open(t.Context(), options(t.TempDir(), "")); err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "KEEPS NOTHING") {
		t.Errorf("the log says %q", text)
	}
}

// A second Backend stands for another process: it has none of the memory.
func TestAnotherProcessDoesNotVoteAgain(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	first := memory.Backend().NewStorage(backend.Env{})
	if _, err := first.Open(ctx, options(dir, "")); err != nil {
		t.Fatal(err)
	}
	vote := []storage.Batch{{HardState: storage.HardState{Term: 3, Vote: 2}, MustSync: true}}
	if err := errors.Join(first.Append(ctx, vote), first.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	second := memory.Backend().NewStorage(backend.Env{})
	if _, err := second.Open(ctx, options(dir, "")); !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "start_over") {
		t.Fatalf("Open by another process = %v, want ErrCorrupt that names start_over", err)
	}
	state, err := second.Open(ctx, options(dir, "start_over: true"))
	if err != nil || state.HardState != (storage.HardState{}) {
		t.Fatalf("Open with start_over = %+v, %v, want an empty store", state, err)
	}
	if err := second.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, prepare := range map[string]func(dir string) string{
		"another backend's identity": func(dir string) string {
			_ = os.WriteFile(filepath.Join(dir, "identity"), bytes.Repeat([]byte("PONTWAL"), 9), 0o600)
			return ""
		},
		"another backend's log": func(dir string) string {
			_ = os.WriteFile(filepath.Join(dir, "0000000000000001.log"), nil, 0o600)
			return ""
		},
		"an unknown key": func(string) string { return "startover: true" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config := prepare(dir)
			s := memory.Backend().NewStorage(backend.Env{})
			_, err := s.Open(t.Context(), options(dir, config))
			foreign := errors.Is(err, plugins.ErrWrongIdentity) && strings.Contains(err.Error(), "backend wal, and was opened with memory")
			if !foreign && !errors.Is(err, plugins.ErrInvalidConfig) {
				t.Errorf("Open = %v", err)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}
