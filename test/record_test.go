//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/replay"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	kvmachine "github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
)

// otherwiseName is kv with another answer to one command, as the next version of a machine has it that
// was changed by mistake.
const (
	otherwiseName = "kv-otherwise"
	otherwiseKey  = "key-05000"
)

type otherwiseMachine struct{ statemachine.StateMachine }

func otherwiseBackend() backend.Backend {
	return backend.StateMachine(otherwiseName, func(env backend.Env) statemachine.StateMachine {
		return otherwiseMachine{kvmachine.New(env)}
	})
}

func (m otherwiseMachine) Describe() plugins.Info {
	info := m.StateMachine.Describe()
	info.Name, info.Capabilities, info.StateHash = otherwiseName, nil, ""
	return info
}

// Apply answers the command with that key otherwise.
func (m otherwiseMachine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	results, err := m.StateMachine.Apply(ctx, b)
	for i := range results {
		if strings.Contains(string(b.Entries[i].Data), otherwiseKey) {
			results[i].Data = []byte("otherwise")
		}
	}
	return results, err
}

// recorded has a plugin of a node recorded from its next start on, and returns the path.
func (n *node) recorded(kind string, more ...string) string {
	path := filepath.Join(filepath.Dir(n.config), kind+".record")
	n.settings = append(n.settings, "plugins."+kind+".record.path="+path)
	for _, s := range more {
		n.settings = append(n.settings, "plugins."+kind+".record."+s)
	}
	return path
}

// puts writes keys by number, many at a time, and reads each hundredth.
func (n *node) puts(from, to int, value string) {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	var writers sync.WaitGroup
	for w := range 32 {
		writers.Go(func() {
			for i := from + w; i < to; i += 32 {
				key := fmt.Sprintf("key-%05d", i)
				if _, err := c.Propose(context.Background(), kv.EncodePut([]byte(key), []byte(value))); err != nil {
					n.t.Errorf("put %s: %v", key, err)
				}
				if i%100 == 0 {
					if _, err := get(c, key, client.Linearizable); err != nil {
						n.t.Errorf("get %s: %v", key, err)
					}
				}
			}
		})
	}
	writers.Wait()
}

// replays runs plugin replay with a command, and returns its report and exit code.
func replays(t *testing.T, path string, command ...string) (r replay.Report, code int, text string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), hostProgram(t), append([]string{"plugin", "replay", path, "-o", "json", "--dir", t.TempDir(), "--"}, command...)...)
	out, err := cmd.Output()
	code = cmd.ProcessState.ExitCode()
	text = string(out)
	if exit, ok := err.(*exec.ExitError); ok {
		text += string(exit.Stderr)
	}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	return r, code, text
}

// own is a backend that this test binary serves.
func own(t *testing.T, name string) []string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{path, "plugin-serve", "statemachine", name}
}

// The same version answers a record as before, over a restart of the plugin and snapshots. Another one is told by
// its first answer that differs, with the entry.
func TestARecordFindsTheAnswerThatDiffers(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.settings = []string{"raft.snapshot_entries=2000"}
	path := n.recorded("statemachine")
	n.startReady()
	n.puts(0, 4000, "v")
	n.restartPlugin("statemachine")
	n.puts(4000, 10_000, "v")
	n.stop()

	r, code, text := replays(t, path, own(t, "kv")...)
	if code != 0 || r.Difference != nil || r.Entries < 10_000 || r.Compared == 0 || len(r.Starts) != 2 || len(r.Left)+len(r.Faults) > 0 {
		t.Errorf("the same version: exit code %d\n%s", code, text)
	}
	r, code, text = replays(t, path, own(t, otherwiseName)...)
	if d := r.Difference; code != exitUnhealthy || d == nil || d.What != "result" || d.Method != "Apply" || d.Index == 0 || d.Entry == 0 ||
		!strings.Contains(d.Request, otherwiseKey) || d.Replayed != `"otherwise"` || d.Recorded == d.Replayed || len(d.Before) == 0 {
		t.Errorf("another version: exit code %d\n%s", code, text)
	}
}

// A host that is killed leaves a record that is whole up to its last events, and the next one goes on in
// a file of its own.
func TestARecordOutlivesItsHost(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.settings = []string{"raft.snapshot_entries=500"}
	path := n.recorded("statemachine")
	n.startReady()
	n.puts(0, 2000, "v")
	n.kill()
	if r, code, text := replays(t, path, own(t, "kv")...); code != 0 || r.Entries < 2000 || r.Difference != nil {
		t.Errorf("after kill -9: exit code %d\n%s", code, text)
	}
	n.startReady()
	n.puts(2000, 4000, "v")
	n.stop()
	if r, code, text := replays(t, path, own(t, "kv")...); code != 0 || r.Entries < 4000 || r.Difference != nil || len(r.Files) != 2 || len(r.Starts) < 2 {
		t.Errorf("after another start: exit code %d\n%s", code, text)
	}
}

// Of a record whose beginning was removed a replay begins with a snapshot that the plugin has saved.
func TestARecordWithoutItsBeginningIsReplayedFromASnapshot(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.settings = []string{"raft.snapshot_entries=300"}
	path := n.recorded("statemachine", "max_file_bytes=4MiB", "max_files=2")
	n.startReady()
	value := strings.Repeat("v", 1000)
	for range 6 {
		n.puts(0, 300, value)
		n.puts(4900, 5100, value)
	}
	n.stop()
	r, code, text := replays(t, path, own(t, "kv")...)
	if code != 0 || r.Difference != nil || len(r.Files) != 2 || len(r.Starts) == 0 || r.Starts[0].How != "saved" || r.Starts[0].Index == 0 || r.Entries == 0 {
		t.Errorf("exit code %d\n%s", code, text)
	}
	if r, code, text := replays(t, path, own(t, otherwiseName)...); code != exitUnhealthy || r.Difference == nil || !strings.Contains(r.Difference.Request, otherwiseKey) {
		t.Errorf("another version: exit code %d\n%s", code, text)
	}
}

// A storage is replayed from its empty beginning, over a restart. A transport is not.
func TestAStorageIsReplayedAndATransportIsNot(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.settings = []string{"raft.snapshot_entries=500", "raft.catch_up_entries=10"}
	storage, transport := n.recorded("storage"), n.recorded("transport")
	n.startReady()
	n.puts(0, 1500, "v")
	n.stop()
	n.startReady()
	n.puts(1500, 3000, "v")
	n.stop()
	r, code, text := replays(t, storage, hostProgram(t), "plugin-serve", "storage", "wal")
	if code != 0 || r.Difference != nil || r.Entries < 3000 || len(r.Starts) != 1 || len(r.Left) > 0 {
		t.Errorf("storage: exit code %d\n%s", code, text)
	}
	if _, code, text := replays(t, transport, hostProgram(t), "plugin-serve", "transport", "http"); code != exitNotFound || !strings.Contains(text, "cannot be replayed") {
		t.Errorf("transport: exit code %d\n%s", code, text)
	}
}
