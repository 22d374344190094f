package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// watching is a watch under way. Its receiver takes nothing but what a test takes of it.
type watching struct {
	t       testing.TB
	updates chan *kvv1.WatchUpdate
	ended   chan error
	chunks  atomic.Int64
}

func watchQuery(w *kvv1.Watch) *kvv1.Query { return &kvv1.Query{Op: &kvv1.Query_Watch{Watch: w}} }

// watch begins a watch, which ends with the test.
func (d *driver) watch(w *kvv1.Watch) *watching {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	in := &watching{t: d.t, updates: make(chan *kvv1.WatchUpdate), ended: make(chan error, 1)}
	query, rest := marshal(d.t, watchQuery(w)), []byte(nil)
	over := make(chan struct{})
	go func() {
		defer close(over)
		in.ended <- statemachine.QueryStream(ctx, d.sm, query, func(chunk []byte) error {
			in.chunks.Add(1)
			rest = append(rest, chunk...)
			var result kvv1.WatchResult
			if _, _, n := protowire.ConsumeField(rest); n != len(rest) {
				return nil // it goes on in the next chunk
			}
			if err := proto.Unmarshal(rest, &result); err != nil || len(result.Updates) != 1 {
				return fmt.Errorf("%d updates in %d bytes: %w", len(result.Updates), len(rest), err)
			}
			rest = nil
			select {
			case in.updates <- result.Updates[0]:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	d.t.Cleanup(func() {
		cancel()
		<-over
	})
	return in
}

// next takes one update.
func (w *watching) next() *kvv1.WatchUpdate {
	w.t.Helper()
	select {
	case u := <-w.updates:
		return u
	case err := <-w.ended:
		w.t.Fatalf("the watch has ended: %v", err)
		return nil
	}
}

// until takes updates up to the one of a revision, and returns their events as text.
func (w *watching) until(revision uint64) (events []string) {
	w.t.Helper()
	for {
		u := w.next()
		for _, e := range u.Events {
			events = append(events, eventText(e))
		}
		switch {
		case u.Refused != nil || u.Revision > revision:
			w.t.Fatalf("%v, and no update of revision %d", u, revision)
		case u.Revision == revision:
			return events
		}
	}
}

// refused takes the last update.
func (w *watching) refused() *kvv1.WatchRefused {
	w.t.Helper()
	u := w.next()
	if err := <-w.ended; err != nil || u.Refused == nil || u.Revision != 0 || len(u.Events) > 0 {
		w.t.Fatalf("the watch ended with %v, after %v", err, u)
	}
	return u.Refused
}

func eventText(e *kvv1.Event) string {
	text := fmt.Sprintf("%d put %s=%s (%d %d)", e.Kv.ModRevision, e.Kv.Key, e.Kv.Value, e.Kv.CreateRevision, e.Kv.Version)
	if e.Type == kvv1.EventType_EVENT_TYPE_DELETE {
		text = fmt.Sprintf("%d delete %s", e.Kv.ModRevision, e.Kv.Key)
	}
	if e.Expired {
		text += " expired"
	}
	return text
}

func (w *watching) sees(what string, revision uint64, want ...string) {
	w.t.Helper()
	if got := w.until(revision); !slices.Equal(got, want) {
		w.t.Errorf("%s: the events up to revision %d are\n%s, want\n%s", what, revision, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A watch from a revision has every change of its keys from there on, those that were
// there and those that come, in order, each once.
func TestAWatchHasEveryChange(t *testing.T) {
	d := newDriver(t, "")
	d.do(put("a", "1"))
	d.do(put("b", "2"))
	d.do(put("a", "3"))
	all, part := d.watch(&kvv1.Watch{From: 1}), d.watch(&kvv1.Watch{Key: []byte("b"), End: []byte("d"), From: 2})
	keys := d.watch(&kvv1.Watch{From: 2, KeysOnly: true})
	all.sees("all", 3, "1 put a=1 (1 1)", "2 put b=2 (2 1)", "3 put a=3 (1 2)")
	part.sees("a part", 3, "2 put b=2 (2 1)")
	keys.sees("keys", 3, "2 put b= (2 1)", "3 put a= (1 2)")
	d.do(cas("c", 0, "4"))
	d.do(cas("c", 99, "5")) // is refused
	d.do(remove("nothing", ""))
	d.do(remove("a", ""))
	d.do(remove("b", "d"))
	all.sees("all", 6, "4 put c=4 (4 1)", "5 delete a", "6 delete b", "6 delete c")
	part.sees("a part", 6, "4 put c=4 (4 1)", "6 delete b", "6 delete c")
	again := d.watch(&kvv1.Watch{From: 6})
	again.sees("from the middle", 6, "6 delete b", "6 delete c")
	d.do(put("a", "7"))
	again.sees("from the middle", 7, "7 put a=7 (7 1)")
}

// Without a revision a watch begins with what comes, and says at once from where.
func TestAWatchFromNow(t *testing.T) {
	d := newDriver(t, "")
	d.do(put("a", "1"))
	w := d.watch(&kvv1.Watch{})
	if u := w.next(); u.Revision != 1 || len(u.Events) > 0 {
		t.Errorf("the first update is %v", u)
	}
	d.do(put("a", "2"))
	w.sees("from now", 2, "2 put a=2 (1 2)")
}

// A key that expires is deleted, and its event says why.
func TestAWatchSeesKeysExpire(t *testing.T) {
	d := newDriver(t, "")
	apply := func(index, time uint64, c *kvv1.Command) {
		e := statemachine.Entry{Index: index, Time: time, Tick: c == nil}
		if c != nil {
			e.Data = marshal(t, c)
		}
		if _, err := d.sm.Apply(t.Context(), statemachine.Batch{Entries: []statemachine.Entry{e}, Through: index}); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range []string{"b", "a"} {
		apply(uint64(i+1), 1000, &kvv1.Command{Op: &kvv1.Command_Put{Put: &kvv1.Put{Key: []byte(key), Value: []byte("v"), TtlMs: 50}}})
	}
	w := d.watch(&kvv1.Watch{From: 3})
	apply(3, 1049, nil)
	apply(4, 1050, nil)
	w.sees("expiry", 3, "3 delete a expired", "3 delete b expired")
}

// A watch for which nothing happens says every 5 s how far it has come, and earlier after
// many revisions.
func TestAWatchMarksItsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriver(t, "")
		ctx, cancel := context.WithCancel(t.Context())
		var marks []string
		begun, over := time.Now(), make(chan struct{})
		go func() {
			defer close(over)
			query := marshal(t, watchQuery(&kvv1.Watch{Key: []byte("x"), End: []byte("y"), From: 1}))
			_ = statemachine.QueryStream(ctx, d.sm, query, func(chunk []byte) error {
				var r kvv1.WatchResult
				if err := proto.Unmarshal(chunk, &r); err != nil {
					return err
				}
				marks = append(marks, fmt.Sprintf("%v %d", time.Since(begun), r.Updates[0].Revision))
				return nil
			})
		}()
		synctest.Wait()
		d.do(put("other", "1"))
		time.Sleep(7 * time.Second)
		for range markAfter {
			d.do(put("other", "1"))
		}
		synctest.Wait()
		time.Sleep(4 * time.Second)
		cancel()
		<-over
		if want := []string{"0s 0", "5s 1", fmt.Sprintf("7s %d", 1+markAfter), fmt.Sprintf("10s %d", 1+markAfter)}; !slices.Equal(marks, want) {
			t.Errorf("marks %q, want %q", marks, want)
		}
	})
}

// least has the shortest history.
func least() string {
	return fmt.Sprintf("{history_events: %d, history_bytes: %d}", snapshotEvents, snapshotBytes)
}

// A watch from a revision that is not kept any more is told so, and from which one it may
// begin; from there on nothing is missing.
func TestACompactedRevision(t *testing.T) {
	d := newDriver(t, least())
	for i := range snapshotEvents + 10 {
		d.do(put("key", fmt.Sprint(i)))
	}
	for _, from := range []uint64{1, 10} {
		r := d.watch(&kvv1.Watch{From: from}).refused()
		if r.Reason != kvv1.WatchRefused_REASON_COMPACTED || r.Oldest != 11 || r.Revision != snapshotEvents+10 {
			t.Errorf("from %d: %v", from, r)
		}
	}
	if got := d.watch(&kvv1.Watch{From: 11}).until(snapshotEvents + 10); len(got) != snapshotEvents || got[0] != "11 put key=10 (1 11)" {
		t.Errorf("from the oldest: %d events, the first is %q", len(got), got[0])
	}
}

// A write that is larger than the history is not kept: watches are told to read anew.
func TestAWriteLargerThanTheHistory(t *testing.T) {
	d := newDriver(t, least())
	w := d.watch(&kvv1.Watch{From: 1})
	w.until(0)
	d.do(put("key", strings.Repeat("v", snapshotBytes)))
	if r := w.refused(); r.Reason != kvv1.WatchRefused_REASON_COMPACTED || r.Oldest != 2 || r.Revision != 1 {
		t.Errorf("refused with %v", r)
	}
	d.do(put("key", "2"))
	d.watch(&kvv1.Watch{From: 2}).sees("what follows", 2, "2 put key=2 (1 2)")
}

// A revision that the store has not come to is refused, but for the next one.
func TestARevisionOfTheFuture(t *testing.T) {
	d := newDriver(t, "")
	d.do(put("a", "1"))
	for _, from := range []uint64{3, 1 << 63, ^uint64(0)} {
		if r := d.watch(&kvv1.Watch{From: from}).refused(); r.Reason != kvv1.WatchRefused_REASON_FUTURE || r.Oldest != 1 || r.Revision != 1 {
			t.Errorf("from %d: %v", from, r)
		}
	}
	next := d.watch(&kvv1.Watch{From: 2})
	next.until(1)
	d.do(put("a", "2"))
	next.sees("the next one", 2, "2 put a=2 (1 2)")
}

// A watch that makes no sense is an invalid query, and so is one that is to be answered as
// a whole.
func TestWatchesThatMakeNoSense(t *testing.T) {
	d := newDriver(t, "")
	long := bytes.Repeat([]byte("k"), MaxKeyBytes+1)
	for name, w := range map[string]*kvv1.Watch{
		"a key over the limit":    {Key: long},
		"an end over the limit":   {End: long},
		"an end before the key":   {Key: []byte("b"), End: []byte("a")},
		"an end that is the key":  {Key: []byte("b"), End: []byte("b")},
		"one over both, from far": {Key: long, End: long, From: 9},
	} {
		_, _, err := d.streamed(watchQuery(w), func([]byte) error { t.Errorf("%s: a chunk", name); return nil })
		if !errors.Is(err, statemachine.ErrInvalidQuery) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.sm.Query(t.Context(), marshal(t, watchQuery(&kvv1.Watch{}))); !errors.Is(err, statemachine.ErrInvalidQuery) {
		t.Errorf("as a whole: %v", err)
	}
	d.watch(&kvv1.Watch{Key: long[1:], End: append(long[1:len(long)-1:len(long)-1], 'l')}).until(0)
}

// Watches without a reader hold up no apply, and hold no more than the history. One that is
// read again has what is kept, or learns that it has missed something.
func TestWatchesThatAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriver(t, least())
		var all []*watching
		for range statemachine.MaxQueryStreams {
			w := d.watch(&kvv1.Watch{From: 1})
			w.until(0)
			all = append(all, w)
		}
		d.do(put("key", "0"))
		synctest.Wait() // each of them has looked, and stands with an update that is not taken
		const writes = 3 * snapshotEvents
		for i := 1; i < writes; i++ {
			d.do(put("key", fmt.Sprint(i)))
		}
		if n := d.sm.(*machine).store.history.count; n != snapshotEvents {
			t.Errorf("%d events are kept", n)
		}
		for i, w := range all {
			if got := w.next(); len(got.Events) != 1 || got.Revision != 1 {
				t.Errorf("watch %d: %v, want the event that it had looked at", i, got)
			}
			if r := w.refused(); r.Reason != kvv1.WatchRefused_REASON_COMPACTED || r.Oldest != writes-snapshotEvents+1 {
				t.Errorf("watch %d: %v", i, r)
			}
		}
	})
}

// The events of one revision are one update, however many chunks that takes; a value that
// is larger than a chunk goes over several.
func TestLargeUpdates(t *testing.T) {
	d := newDriver(t, "")
	long := strings.Repeat("k", 1000)
	const keys = 3000
	for i := range keys {
		d.do(put(fmt.Sprintf("%04d/%s", i, long), ""))
	}
	w := d.watch(&kvv1.Watch{From: keys + 1})
	w.until(keys)
	d.do(remove("0", "9"))
	before := w.chunks.Load()
	u := w.next()
	if n, most := int(w.chunks.Load()-before), int(plugins.DefaultLimits().ChunkBytes()); len(u.Events) != keys || u.Revision != keys+1 || n < keys*1000/most {
		t.Errorf("%d events at revision %d in %d chunks", len(u.Events), u.Revision, n)
	}
	value := strings.Repeat("v", 3*plugins.MaxChunkBytes)
	d.do(put("large", value))
	if u := w.next(); len(u.Events) != 1 || string(u.Events[0].Kv.Value) != value {
		t.Errorf("%d events, and not that of the large value", len(u.Events))
	}
}

// A watch goes on at another member that was restored from a snapshot, with the same
// events, as far back as a snapshot goes.
func TestAWatchGoesOnAfterARestore(t *testing.T) {
	d := newDriver(t, "")
	for i := range 500 {
		d.do(put(fmt.Sprintf("key/%d", i%50), strings.Repeat("v", i)))
		if i%100 == 99 {
			d.do(remove("key/2", "key/3"))
		}
	}
	other := restoredFrom(t, least(), d)
	for _, d := range []*driver{d, other} {
		d.do(put("after", "1"))
	}
	revision := d.scan(&kvv1.Range{}).Revision
	want := d.watch(&kvv1.Watch{From: 1}).until(revision)
	if got := other.watch(&kvv1.Watch{From: 1}).until(revision); !slices.Equal(got, want) || len(got) < 500 {
		t.Errorf("%d events after the restore, want %d", len(got), len(want))
	}
	other.watch(&kvv1.Watch{From: revision}).sees("from the last one", revision, fmt.Sprintf("%d put after=1 (%d 1)", revision, revision))
}

// A watch ends with its machine, and leaves nothing.
func TestAWatchEndsWithItsMachine(t *testing.T) {
	d := newDriver(t, "")
	w := d.watch(&kvv1.Watch{})
	w.until(0)
	if err := d.sm.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-w.ended; !errors.Is(err, plugins.ErrClosed) {
		t.Errorf("ended with %v", err)
	}
	if n := len(d.sm.(*machine).watches); n != 0 {
		t.Errorf("%d watches are left", n)
	}
}

// A watch looks at a revision of many events, and waits for its reader in the midst of them,
// without a copy of them: Apply waits for the look, and the reader may take its time.
func TestAWatchHasNoCopyOfALargeRevision(t *testing.T) {
	d := newDriver(t, "")
	const keys = 50_000
	for i := range keys {
		d.do(put(fmt.Sprintf("key/%05d", i), ""))
	}
	m := d.sm.(*machine)
	w, _, err := m.beginWatch(query{key: []byte("key/1"), end: []byte("key/2")})
	if err != nil {
		t.Fatal(err)
	}
	d.do(remove("key/", "key0"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := m.look(w); err != nil || w.seen != keys+1 {
		t.Fatalf("looked up to revision %d: %v", w.seen, err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 128<<10 {
		t.Errorf("a look at a revision of %d events has taken %d bytes", keys, n)
	}
	part := d.watch(&kvv1.Watch{From: keys + 1, Key: w.key, End: w.end}).next()
	if n := len(part.Events); n != keys/5 || string(part.Events[0].Kv.Key) != "key/10000" || string(part.Events[n-1].Kv.Key) != "key/19999" {
		t.Errorf("a part of the revision has %d events", n)
	}
	if all := d.watch(&kvv1.Watch{From: keys + 1}).next(); len(all.Events) != keys || all.Revision != keys+1 {
		t.Errorf("%d events at revision %d", len(all.Events), all.Revision)
	}
}
