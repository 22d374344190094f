//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// An example in Node is built as its README says, passes its tests and the check, and three
// members of it lose no acknowledged write while their plugins and hosts are killed.
func TestTheExampleDocuments(t *testing.T) {
	t.Parallel()
	s := exampleFolder(t, "documents", "node")
	s.passes()
	c := s.disturbedCluster()
	load := startWriters(t, c.nodes)
	disturb(c, load.progress)
	load.check(c)
	c.stop()
}

// The same of an example in Python, of which each addition counts.
func TestTheExampleCounterInPython(t *testing.T) {
	t.Parallel()
	s := exampleFolder(t, "counter-python", "python")
	if err := os.Remove(filepath.Join(s.dir, "snapshot.py")); err != nil {
		t.Fatal(err)
	}
	s.passes()
	c := s.disturbedCluster()
	load := startAdder(t, c.nodes)
	disturb(c, load.progress)
	load.check(c)
	c.stop()
}

// exampleFolder is the folder of a new plugin with the files of an example.
func exampleFolder(t *testing.T, example, lang string) *scaffold {
	t.Helper()
	s := namedScaffold(t, "statemachine", lang, example)
	if err := os.RemoveAll(filepath.Join(s.dir, "README.md")); err != nil {
		t.Fatal(err)
	}
	from := filepath.Join("..", "examples", example)
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(s.dir, e.Name()), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// passes builds the plugin, and has it pass its own tests and the check.
func (s *scaffold) passes() {
	s.t.Helper()
	check := "--run '^(process|grpc)$$/.*(tart|Apply|Snapshot|Restore|Determinism|Refus|Quer|Hash|Stream)'"
	if *wholeCheck {
		check = ""
	}
	s.does("build", "test")
	if out := s.does("check", "CHECK="+check); !strings.Contains(out, " 0 failed") || strings.Contains(out, " 0 checks passed") {
		s.t.Errorf("check:\n%s", out)
	}
}

// disturbedCluster starts the three members, which take snapshots often.
func (s *scaffold) disturbedCluster() *cluster {
	s.t.Helper()
	c := s.members()
	for _, n := range c.nodes {
		n.settings = []string{"raft.snapshot_entries=200", "raft.catch_up_entries=20"}
	}
	c.start()
	return c
}

// disturb kills the state machine of each member and then the whole member, while progress is
// made. One of the members is away for so long that it needs a snapshot.
func disturb(c *cluster, progress func(int64)) {
	for i, n := range c.nodes {
		progress(100)
		n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
		n.awaitReady()
		progress(100)
		n.kill()
		if i == 0 {
			progress(500)
		}
		n.startReady()
	}
}

// A writer writes one document again and again, with a number that grows.
type writer struct {
	id        string
	tried     int64
	lastAcked int64
}

// writers write documents through all nodes.
type writers struct {
	t       testing.TB
	all     []*writer
	acked   atomic.Int64
	stopped atomic.Bool
	wg      sync.WaitGroup
}

func startWriters(t testing.TB, nodes []*node) *writers {
	w := &writers{t: t}
	for _, n := range nodes {
		c := n.dial()
		for range 2 {
			one := &writer{id: fmt.Sprintf("w%d", len(w.all))}
			w.all = append(w.all, one)
			w.wg.Go(func() { w.write(c, one) })
		}
	}
	t.Cleanup(w.stop)
	return w
}

// write patches the document, after it has put it, and leaves others beside it.
func (w *writers) write(c *client.Client, one *writer) {
	verb := "put"
	for !w.stopped.Load() {
		one.tried++
		commands := []string{fmt.Sprintf(`%s %s {"n":%d}`, verb, one.id, one.tried), fmt.Sprintf(`put %s-%d {"of":%q}`, one.id, one.tried%40, one.id)}
		for _, command := range commands {
			r, err := c.Propose(context.Background(), []byte(command))
			if err == nil && r.Error != "" {
				w.t.Errorf("%s: refused: %s", command, r.Error)
			}
			if err != nil {
				break
			}
			w.acked.Add(1)
			if command == commands[0] {
				one.lastAcked, verb = one.tried, "patch"
			}
		}
	}
}

func (w *writers) stop() {
	w.stopped.Store(true)
	w.wg.Wait()
}

func (w *writers) progress(n int64) {
	w.t.Helper()
	goal := w.acked.Load() + n
	eventually(w.t, "more acknowledged writes", func() bool { return w.acked.Load() >= goal })
}

// check stops the writers. Each document has the number that was acknowledged last, or one
// that was tried after it, and all members have the same state.
func (w *writers) check(c *cluster) {
	w.t.Helper()
	w.stop()
	for _, one := range w.all {
		var got struct{ Document struct{ N int64 } }
		answer := c.nodes[0].ask("get " + one.id)
		if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Document.N < one.lastAcked || got.Document.N > one.tried {
			w.t.Errorf("document %s is %s after %d was acknowledged and %d tried: %v", one.id, answer, one.lastAcked, one.tried, err)
		}
	}
	want := c.nodes[0].ask("status")
	for _, n := range c.nodes {
		if got := n.ask("status"); got != want {
			w.t.Errorf("%s has %s, want %s", n.name, got, want)
		}
	}
	w.t.Logf("%s after %d acknowledged writes", want, w.acked.Load())
}
