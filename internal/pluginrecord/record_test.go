package pluginrecord

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/await"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
)

// On both carriers the record has each request and each answer, in the order in which the
// host has seen them, and how each call ended.
func TestARecordHasWhatWasSaid(t *testing.T) {
	for name, carrier := range rpctest.Carriers() {
		t.Run(name, func(t *testing.T) {
			r := record(t, carrier, Options{})
			if _, err := r.client().Compact(t.Context(), &pluginv1.CompactRequest{Index: 4}); err != nil {
				t.Fatal(err)
			}
			s, err := r.client().Append(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.append(s, 1, 10)
			_ = s.CloseSend()
			_, _ = s.Recv()
			if _, err := r.client().Space(t.Context(), &pluginv1.SpaceRequest{}); err == nil {
				t.Error("a method that is not there has answered")
			}
			r.life.Over()
			r.Close()
			got, faults := read(t, r.path)
			want := []string{
				"life echo 3", "call Compact", "request", "answer", "status",
				"call Append", "request", "answer", "sent", "status", "call Space", "request", "status", "life over", "end",
			}
			if !slices.Equal(got, want) || len(faults) > 0 {
				t.Errorf("%q, %v; want %q", got, faults, want)
			}
			if info, err := os.Stat(r.path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, error %v", info.Mode(), err)
			}
		})
	}
}

// A stream that the host gives up, and reads no more of, ends in the record too: what is kept of calls
// does not grow with their number.
func TestAStreamThatIsGivenUpEnds(t *testing.T) {
	r := record(t, rpctest.Carriers()["grpc"], Options{})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := r.client().Append(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	await.That(t, time.Minute, "the call ends in the record", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.open.calls) == 0
	})
	r.Close()
	if got, _ := read(t, r.path); !slices.Contains(got, "given up") {
		t.Errorf("%q", got)
	}
}

// Files are renewed before they are too long, and the oldest are removed. A file tells what goes on
// in it from before.
func TestFilesAreRenewed(t *testing.T) {
	r := record(t, rpctest.Carriers()["grpc"], Options{MaxFileBytes: MinFileBytes, MaxFiles: 3})
	s, err := r.client().Append(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(80) {
		r.append(s, seq+1, 64<<10)
	}
	_ = s.CloseSend()
	_, _ = s.Recv()
	r.Close()
	files, err := Files(r.path)
	if err != nil || len(files) != 3 || files[2] != r.path || !strings.HasSuffix(files[1], ".0000000005") {
		t.Fatalf("%q, error %v", files, err)
	}
	for _, f := range files {
		if n := size(t, f); n > MinFileBytes {
			t.Errorf("%s has %d bytes", f, n)
		}
		if got, faults := read(t, f); len(faults) > 0 || !slices.Equal(got[:2], []string{"life goes on echo 3", "call goes on Append"}) {
			t.Errorf("%s begins with %q, %v", f, got[:2], faults)
		}
	}
	if got, _ := read(t, files...); slices.Contains(got, "gap") {
		t.Errorf("there is a gap between files that follow each other: %q", got)
	}
	if got, _ := read(t, files[0], files[2]); !slices.Contains(got, "gap") {
		t.Errorf("there is no gap where a file is missing: %q", got)
	}
	if s := r.Stats(); s.Bytes < 80*64<<10 || s.Gaps != 0 || s.Failure != "" {
		t.Errorf("%+v", s)
	}
}

// The next host goes on with files of its own.
func TestARecordIsNeverWrittenOver(t *testing.T) {
	r := record(t, rpctest.Carriers()["grpc"], Options{})
	r.Close()
	again := record(t, rpctest.Carriers()["grpc"], Options{Path: r.path})
	again.Close()
	files, err := Files(r.path)
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, error %v", files, err)
	}
	got, _ := read(t, files...)
	if want := []string{"life echo 3", "end", "header", "life echo 3", "end"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A file at the path that is not a record is left alone, and the calls go on.
func TestAnotherFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(path, []byte("pontoon, or not"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := record(t, rpctest.Carriers()["grpc"], Options{Path: path})
	if _, err := r.client().Compact(t.Context(), &pluginv1.CompactRequest{Index: 4}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if text, err := os.ReadFile(path); err != nil || string(text) != "pontoon, or not" {
		t.Errorf("%q, error %v", text, err)
	}
	if s := r.Stats(); !strings.Contains(s.Failure, "is not a record of a plugin, so it is left alone") {
		t.Errorf("%+v", s)
	}
}

// A disk that fails costs the record what is said meanwhile, and nothing else.
func TestADiskThatFailsHarmsTheRecordAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := record(t, rpctest.Carriers()["grpc"], Options{Path: filepath.Join(dir, "record")})
	compact := func() {
		t.Helper()
		if _, err := r.client().Compact(t.Context(), &pluginv1.CompactRequest{Index: 4}); err != nil {
			t.Fatal(err)
		}
	}
	compact()
	await.That(t, time.Minute, "the failure shows", func() bool { return r.Stats().Failure != "" })
	compact()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.retry = time.Now()
	r.mu.Unlock()
	compact()
	r.Close()
	got, _ := read(t, r.path)
	if want := []string{"gap", "life goes on echo 3", "call Compact", "request", "answer", "status", "end"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if s := r.Stats(); s.Failure != "" || s.Gaps == 0 {
		t.Errorf("%+v", s)
	}
}

// Events with which the writer cannot keep up are left out, counted, and named where they are missing.
func TestAGapIsMarked(t *testing.T) {
	options := Options{Path: filepath.Join(t.TempDir(), "record")}
	r := newRecorder(options, Of{Logger: discard()})
	r.put(Event{Kind: Life, Life: 1, Name: "echo", Version: "3"}, false)
	r.put(Event{Kind: Call, Life: 1, Call: 1, Method: "/s/Append"}, false)
	for range 10 {
		r.put(Event{Kind: Request, Life: 1, Call: 1, Message: make([]byte, queueBytes/8)}, false)
	}
	if r.queued > queueBytes {
		t.Errorf("%d bytes wait", r.queued)
	}
	r.put(Event{Kind: Status, Life: 1, Call: 1, Message: make([]byte, queueBytes)}, false) // is left out, and known to have ended
	items := r.take()
	r.wrote(items, 0, nil)
	r.mu.Lock()
	r.queue = items
	r.mu.Unlock()
	r.put(Event{Kind: Call, Life: 1, Call: 2, Method: "/s/Compact"}, false)
	go r.run()
	r.Close()
	got, _ := read(t, options.Path)
	at := slices.Index(got, "gap")
	if want := []string{"gap", "life goes on echo 3", "call Compact", "end"}; at < 0 || !slices.Equal(got[at:], want) {
		t.Errorf("%q, want %q at the end", got, want)
	}
	if s := r.Stats(); s.Gaps != 1 {
		t.Errorf("%+v", s)
	}
}

// A host that is killed leaves a file that is read up to the last whole event, wherever it was cut.
func TestAFileIsReadUpToWhereItIsCut(t *testing.T) {
	r := record(t, rpctest.Carriers()["grpc"], Options{})
	if _, err := r.client().Compact(t.Context(), &pluginv1.CompactRequest{Index: 4}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	whole, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := read(t, r.path)
	header := len(magic) + frameBytes
	for n := len(whole) - 1; n > 0; n-- {
		if err := os.WriteFile(r.path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := series(t, r.path)
		if err != nil {
			if !errors.Is(err, ErrCut) || n > header+eventOverhead {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		got, faults := read(t, r.path)
		if len(got) >= len(all) || !slices.Equal(got, all[:len(got)]) || len(faults) > 1 || len(faults) == 1 && !errors.Is(faults[0], ErrCut) {
			t.Fatalf("cut at %d: %q, %v", n, got, faults)
		}
	}
}

// A bit that has flipped is found, with its place, and what is before it is read.
func TestADamagedFileIsReadUpToTheDamage(t *testing.T) {
	r := record(t, rpctest.Carriers()["grpc"], Options{})
	if _, err := r.client().Compact(t.Context(), &pluginv1.CompactRequest{Index: 4}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	whole, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := read(t, r.path)
	for at := range whole {
		damaged := slices.Clone(whole)
		damaged[at] ^= 1
		if err := os.WriteFile(r.path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := series(t, r.path)
		if err != nil {
			continue // the header
		}
		got, faults := read(t, r.path)
		if len(faults) != 1 || !slices.Equal(got, all[:len(got)]) || !strings.Contains(faults[0].Error(), "at byte ") {
			t.Fatalf("a bit of byte %d: %q, %v", at, got, faults)
		}
	}
}
