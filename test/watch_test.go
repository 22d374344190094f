//go:build linux

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

var watchedEvents = flag.Int64("watch.events", 4000, "how many events TestAWatchSurvivesKills has on each watch, at least")

// A seen is what one watch has shown.
type seen struct {
	revision atomic.Uint64
	breaks   atomic.Int64
	values   []string // by revision, from 1
	err      error
}

// watchAll watches all keys from the first revision on, until cancelled. Each revision has
// one event: the next one.
func (s *seen) watchAll(ctx context.Context, c *client.Client) {
	w := kv.Watch(ctx, c, kv.WatchOptions{From: 1, Interrupted: func(error) { s.breaks.Add(1) }})
	defer w.Close()
	for {
		u, err := w.Next()
		if err != nil {
			if ctx.Err() == nil {
				s.err = err
			}
			return
		}
		for _, e := range u.Events {
			if e.ModRevision != uint64(len(s.values)+1) || e.Deleted {
				s.err = fmt.Errorf("event %d is %+v", len(s.values)+1, e)
				return
			}
			s.values = append(s.values, string(e.Value))
		}
		if u.Revision != uint64(len(s.values)) {
			s.err = fmt.Errorf("after %d events a mark of revision %d", len(s.values), u.Revision)
			return
		}
		s.revision.Store(u.Revision)
	}
}

// acknowledged are writes by their revisions.
type acknowledged struct {
	mu     sync.Mutex
	values map[uint64]string
	n      atomic.Int64
}

// write puts one key after the other until cancelled.
func (a *acknowledged) write(ctx context.Context, c *client.Client, writer int) {
	for i := 0; ctx.Err() == nil; i++ {
		value := fmt.Sprintf("%d/%d", writer, i)
		r, err := c.Propose(ctx, kv.EncodePut(fmt.Appendf(nil, "key/%d", i%100), []byte(value)))
		if err != nil {
			continue // it may be among the events
		}
		if put, err := kv.DecodeResult(r.Data); err == nil {
			a.mu.Lock()
			a.values[put.Revision] = value
			a.mu.Unlock()
			a.n.Add(1)
		}
	}
}

// Watches on all members show each write once and in order, whatever is killed: state
// machines and leaders. Each acknowledged write is there, at its revision. make watches has
// 100,000 events.
func TestAWatchSurvivesKills(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	watching, stopWatching := context.WithCancel(t.Context())
	writing, stopWriting := context.WithCancel(t.Context())
	defer stopWatching()
	defer stopWriting()
	var watches [3]seen
	var watchers, writers sync.WaitGroup
	for i := range watches {
		endpoints := []string{c.nodes[i].client, c.nodes[(i+1)%3].client, c.nodes[(i+2)%3].client}
		reader, err := client.New(client.Options{Endpoints: endpoints, AnyMember: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reader.Close() })
		watchers.Go(func() { watches[i].watchAll(watching, reader) })
	}
	written := acknowledged{values: map[uint64]string{}}
	for i := range 8 {
		writer := c.nodes[i%3].dial()
		writers.Go(func() { written.write(writing, writer, i) })
	}
	part := *watchedEvents / 8
	more := func(what string) {
		from := written.n.Load()
		eventually(t, "writes after "+what, func() bool { return written.n.Load() >= from+part })
	}
	more("the start")
	for _, n := range c.nodes {
		n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
		more("a state machine was killed")
	}
	for range 2 {
		leader := c.leader()
		leader.kill()
		more("a leader was killed")
		leader.startReady()
		more("it came back")
	}
	eventually(t, "enough events", func() bool { return written.n.Load() >= *watchedEvents })
	stopWriting()
	writers.Wait()
	last := uint64(0)
	for revision := range written.values {
		last = max(last, revision)
	}
	for i := range watches {
		eventually(t, fmt.Sprintf("watch %d has all", i), func() bool { return watches[i].revision.Load() >= last })
	}
	stopWatching()
	watchers.Wait()
	for i := range watches {
		if err := watches[i].err; err != nil {
			t.Errorf("watch %d: %v", i, err)
		}
		for revision, value := range written.values {
			if got := watches[i].values[revision-1]; got != value {
				t.Fatalf("watch %d has %q at revision %d, want %q", i, got, revision, value)
			}
		}
		t.Logf("watch %d: %d events, %d breaks", i, len(watches[i].values), watches[i].breaks.Load())
	}
	if watches[0].breaks.Load()+watches[1].breaks.Load()+watches[2].breaks.Load() == 0 {
		t.Error("no watch broke off")
	}
	c.stop()
}

// A watch that goes on after the cluster was restored from a backup has a place in a history that
// is no more: the store gives the revisions after the backup to other writes. The watch ends with a
// typed error, also once as many were written, and shows none of these. So does host watch. After a
// restart without a restore it goes on.
func TestAWatchDoesNotGoOnAfterARestore(t *testing.T) {
	t.Parallel()
	live, backup := snapshotOf(t)
	for range 20 {
		put(t, live.nodes[0], "after the backup")
	}
	place := func(c *cluster, o kv.WatchOptions) (kv.Update, string, error) {
		w := kv.Watch(t.Context(), c.nodes[1].dial(), o)
		defer w.Close()
		u, err := w.Next()
		return u, w.History(), err
	}
	mark, history, err := place(live, kv.WatchOptions{})
	if err != nil || history == "" {
		t.Fatalf("a watch in the history %q: %v", history, err)
	}
	for _, n := range live.nodes {
		n.stop()
	}
	live.start()
	put(t, live.nodes[0], "after a restart")
	kept := kv.WatchOptions{From: mark.Revision + 1, History: history}
	if u, _, err := place(live, kept); err != nil || len(u.Events) == 0 || u.Events[0].ModRevision != kept.From {
		t.Fatalf("after a restart: %+v, %v", u, err)
	}
	live.stop()
	other := newCluster(t)
	for _, n := range other.nodes {
		n.restore(t, backup)
	}
	other.start()
	for goes := true; goes; { // on until the store has come to the place
		_, anew, err := place(other, kept)
		var e *kv.WatchError
		if !errors.Is(err, kv.ErrOtherHistory) || !errors.As(err, &e) || e.Wanted != history || e.Found == history || anew != history {
			t.Fatalf("after a restore: %v, in the history %q", err, anew)
		}
		for range 50 {
			put(t, other.nodes[0], "after the restore")
		}
		now, found, err := place(other, kv.WatchOptions{})
		if err != nil || found != e.Found {
			t.Fatalf("a new watch in the history %q, not %q: %v", found, e.Found, err)
		}
		goes = now.Revision <= mark.Revision
	}
	from := fmt.Sprint(kept.From)
	out, err := hostCommand(t, "watch", "--from", from, "--history", history, "--limit", "1", "--endpoints", other.endpoints()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the revision is of another history: "+history) {
		t.Errorf("host watch: %v, %s", err, out)
	}
	if u, _, err := place(other, kv.WatchOptions{From: kept.From}); err != nil || len(u.Events) == 0 {
		t.Errorf("without its history the place is taken for one of here: %+v, %v", u, err)
	}
	other.stop()
}
