//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

var chaosFull = flag.Bool("chaos.full", false, "tell the lies of each kind of plugin that all can tell, and those that take half a minute")

// The consequences of a lie, in the words of the document.
const (
	thenReplaced = "replaced"
	thenGoesOn   = "goes on"
	thenEnds     = "the host ends"
	thenForced   = "the stop is forced"
	thenStops    = "goes on to its end"
	thenWaits    = "is not ready"
)

// mostChaosMemory is the most that a host takes whatever its plugins say.
const mostChaosMemory = 256 << 20

// A chaosRow is one of the document's table.
type chaosRow struct{ kind, lie, says, then string }

const liesDocument = "../docs/plugins/lies.md"

// chaosRows reads the table of the document.
func chaosRows(t *testing.T) (rows []chaosRow) {
	t.Helper()
	raw, err := os.ReadFile(liesDocument)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) == 4 && strings.HasPrefix(cells[2], "`") {
			rows = append(rows, chaosRow{cells[0], cells[1], strings.Trim(cells[2], "`"), cells[3]})
		}
	}
	return rows
}

// Each lie of the chaos plugin has a row in the document, and each row a lie.
func TestEachLieHasItsSentence(t *testing.T) {
	told := map[string]bool{}
	for _, row := range chaosRows(t) {
		for _, kind := range kindsOf(row.kind) {
			told[kind+": "+row.lie] = true
		}
	}
	if want := slices.Sorted(maps.Keys(lies())); !slices.Equal(slices.Sorted(maps.Keys(told)), want) {
		for _, lie := range want {
			if !told[lie] {
				t.Errorf("%s has no row for %q", liesDocument, lie)
			}
			delete(told, lie)
		}
		t.Errorf("%s has rows for what is no lie: %q", liesDocument, slices.Sorted(maps.Keys(told)))
	}
}

func kindsOf(cell string) []string {
	if cell == "any" {
		return kinds()
	}
	return []string{cell}
}

// Whatever a plugin says, its host says in the words of the document what that was, does what
// it has there, takes bounded memory, and stops when it is told to.
func TestChaos(t *testing.T) {
	for i, row := range chaosRows(t) {
		all := kindsOf(row.kind)
		if !*chaosFull && len(all) > 1 {
			all = all[i%3 : i%3+1] // each of them is told by some
		}
		for _, kind := range all {
			t.Run(kind+"/"+row.lie, func(t *testing.T) {
				l, ok := lies()[kind+": "+row.lie]
				if !ok {
					t.Fatal("there is no such lie")
				}
				if l.slow && !*chaosFull {
					t.Skip("it takes half a minute: -chaos.full")
				}
				t.Parallel()
				c := newChaos(t, kind, row.lie)
				c.start()
				c.tell(l, row)
			})
		}
	}
}

// chaos is a single member one of whose plugins lies.
type chaos struct {
	*node
	kind string

	mu    sync.Mutex
	heard []string // what clients were told
}

func newChaos(t *testing.T, kind, lie string) *chaos {
	t.Helper()
	n := newSingle(t)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lives := filepath.Join(filepath.Dir(n.config), "lives")
	shipped := map[string]string{"statemachine": "kv", "storage": "wal", "transport": "http"}[kind]
	n.rewrite("    name: "+shipped, fmt.Sprintf("    command: [%q, %s, %s, %q, %q]\n    sha256: %s", own, chaosCommand, kind, lie, lives, ownSum(t)))
	n.settings = append(snapshotting(), "raft.tick=10ms", "raft.election=100ms")
	return &chaos{node: n, kind: kind}
}

// ownSum is the sum of this test binary.
var ownSum = func() func(testing.TB) string {
	var once sync.Once
	var sum string
	return func(t testing.TB) string {
		once.Do(func() {
			own, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			sum = sumOf(t, own)
		})
		return sum
	}
}()

// tell has the plugin tell the lie, and checks what the host makes of it.
func (c *chaos) tell(l lie, row chaosRow) {
	ends := row.then == thenEnds
	if !ends || l.first > 0 {
		c.awaitReady()
		by := l.by
		if by == nil {
			by = (*chaos).write
		}
		by(c)
	}
	switch row.then {
	case thenReplaced:
		c.awaitSaid(row.says)
		c.await("to replace the plugin", func() bool {
			p := c.plugin(c.kind)
			return p.GetState() == "ready" && p.GetRestarts() > 0
		})
		c.write()
	case thenGoesOn:
		c.awaitSaid(row.says)
		c.write()
		if p := c.plugin(c.kind); p.GetRestarts() > 0 {
			c.t.Errorf("the plugin was started again: %v", p)
		}
	case thenEnds:
		if code := c.host.ExitsWithin(c.t, live.Patience); code == 0 {
			c.t.Error("the host ended with exit code 0")
		}
		c.said(row.says)
		c.leftNothing()
		return
	case thenWaits:
		c.awaitSaid(row.says)
		if code, _, err := c.get(c.admin, "/readyz"); err != nil || code == 200 {
			c.t.Errorf("/readyz says %d, %v", code, err)
		}
	case thenStops:
		c.stop()
		c.said(row.says)
		return
	case thenForced:
		c.host.Signal(c.t, syscall.SIGTERM)
		if code := c.host.ExitsWithin(c.t, stopTime); code == 0 {
			c.t.Error("the host ended with exit code 0")
		}
		c.said(row.says)
		c.leftNothing()
		return
	default:
		c.t.Fatalf("%s has no meaning for %q", liesDocument, row.then)
	}
	if peak := live.PeakMemory(c.t, c.host.PID()); peak > mostChaosMemory && !live.RaceDetector {
		c.t.Errorf("the host took %d MiB", peak>>20)
	}
	c.stop()
}

// write has some commands applied, whatever comes between.
func (c *chaos) write() { c.writeMany(3) }

// The document's promise for the time of a flood.
const (
	floodWrites = 130
	floodTime   = 10 * time.Second
)

// writes has so many commands applied that a host which a flood holds up is seen.
func (c *chaos) writes() {
	begun := time.Now()
	c.writeMany(floodWrites)
	took := time.Since(begun)
	c.t.Logf("%d writes took %v", floodWrites, took)
	if took > floodTime && !live.RaceDetector {
		c.t.Errorf("%d writes took %v", floodWrites, took)
	}
}

func (c *chaos) writeMany(n int) {
	c.t.Helper()
	to := c.dial()
	for i := range n {
		c.await("to apply a command", func() bool {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, err := to.Propose(ctx, kv.EncodePut([]byte(fmt.Sprint("k", i)), []byte("v")))
			return err == nil
		})
	}
}

// leave begins a write that is not answered.
func (c *chaos) leave() {
	c.leaveBehind(string(kv.EncodePut([]byte("k"), []byte("v"))))
	c.awaitSaid("state machine has not answered an apply")
}

// snapshot has the host want a snapshot, and snapshots some and a compaction.
func (c *chaos) snapshot()  { c.writeMany(110) }
func (c *chaos) snapshots() { c.writeMany(500) }

// restart ends the plugin as a kernel may, after a snapshot was taken.
func (c *chaos) restart() { c.restartPlugin(c.kind) }

// restartMachine ends the state machine, whichever plugin lies.
func (c *chaos) restartMachine() { c.restartPlugin("statemachine") }

func (c *chaos) restartPlugin(kind string) {
	c.writeMany(110)
	c.await("to take a snapshot", func() bool { st, ok := c.status(); return ok && st.GetSnapshotIndex() > 0 })
	c.writeMany(5)
	c.signalPlugin(kind, syscall.SIGKILL)
}

func (c *chaos) query() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := c.dial().Query(ctx, kv.EncodeGet([]byte("k1")), client.Stale)
	c.hear(fmt.Sprint(err))
}

func (c *chaos) scan() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	chunks, err := c.dial().QueryStream(ctx, kv.EncodeRange(kv.Range{Key: []byte("k"), End: []byte("l")}), client.Stale)
	for err == nil {
		_, err = chunks.Next()
	}
	c.hear(err.Error())
}

func (c *chaos) metrics() {
	c.await("to answer for its metrics", func() bool {
		code, body, err := c.get(c.admin, "/metrics")
		c.hear(body)
		return err == nil && code == 200
	})
}

func (c *chaos) hear(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, text)
}

// awaitSaid waits until the host has said a sentence, to its log, its status or a client.
func (c *chaos) awaitSaid(sentence string) {
	c.t.Helper()
	if !live.Within(live.Patience, func() bool { return c.hasSaid(sentence) || !c.host.Running() }) || !c.hasSaid(sentence) {
		c.said(sentence)
	}
}

// said fails unless the host has said the sentence.
func (c *chaos) said(sentence string) {
	c.t.Helper()
	if !c.hasSaid(sentence) {
		c.t.Fatalf("it did not say %q, but\n%s", sentence, strings.Join(c.complaints(), "\n"))
	}
	if text := c.host.Log(); strings.Contains(text, "goroutine 1 [") && !strings.Contains(text, "SIGQUIT") {
		c.t.Error("the host has panicked")
	}
}

// hasSaid looks for the sentence, in which an ellipsis stands for anything within a line.
func (c *chaos) hasSaid(sentence string) bool {
	parts := strings.Split(sentence, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	pattern := regexp.MustCompile(strings.Join(parts, ".*"))
	return slices.ContainsFunc(c.complaints(), pattern.MatchString)
}

// complaints are what the host has said: its warnings and errors, its last words, and what
// clients heard.
func (c *chaos) complaints() (list []string) {
	for line := range strings.SplitSeq(c.host.Log(), "\n") {
		var r struct{ Level, Msg, Error, Reason string }
		switch {
		case json.Unmarshal([]byte(line), &r) != nil:
			list = append(list, line)
		case r.Level == "WARN" || r.Level == "ERROR":
			list = append(list, strings.TrimSuffix(fmt.Sprintf("%s: %s%s", r.Msg, r.Error, r.Reason), ": "))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(list, c.heard...)
}
