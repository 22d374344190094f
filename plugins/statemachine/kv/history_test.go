package kv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// kept is what a history has, oldest first.
func (h *history) kept() (events []event) {
	for i := range h.changes {
		events = append(append(events, h.at(i).event), h.at(i).others...)
	}
	return events
}

// A history is what is left of all events if the oldest revisions go, one after the other,
// until it keeps to its bounds; with the revision before the first that it has.
func TestHistoryModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := reach{rapid.Uint64Range(1, 20).Draw(rt, "events"), rapid.Uint64Range(100, 3000).Draw(rt, "bytes")}
		h := history{most: most}
		var model []event
		base, size := uint64(0), func() (n uint64) {
			for i := range model {
				n += model[i].bytes()
			}
			return n
		}
		for revision := range rapid.Uint64Range(1, 60).Draw(rt, "revisions") {
			revision++
			for range rapid.IntRange(1, 5).Draw(rt, "of the revision") {
				key := bytes.Repeat([]byte("k"), rapid.IntRange(1, 400).Draw(rt, "key"))
				h.gone(revision, key, false)
				model = append(model, event{revision: revision, key: key})
			}
			for uint64(len(model)) > most.events || size() > most.bytes {
				base = model[0].revision
				model = slices.DeleteFunc(model, func(e event) bool { return e.revision == base })
			}
			got := h.kept()
			if !slices.EqualFunc(got, model, func(a, b event) bool { return a.revision == b.revision && bytes.Equal(a.key, b.key) }) ||
				h.base != base || h.bytes != size() {
				rt.Fatalf("at revision %d: %d events of %d bytes after %d, want %d of %d after %d",
					revision, len(got), h.bytes, h.base, len(model), size(), base)
			}
			for seen := base; seen <= revision; seen++ {
				want := slices.IndexFunc(model, func(e event) bool { return e.revision > seen })
				if at := h.after(seen); (at < h.changes) != (want >= 0) || want >= 0 && h.at(at).revision != model[want].revision {
					rt.Fatalf("the first event after revision %d is of change %d of %d, want event %d", seen, at, h.changes, want)
				}
			}
		}
	})
}

// Events that a history has dropped are not held by its ring.
func TestADroppedEventIsNotHeld(t *testing.T) {
	h := history{most: reach{3, 1 << 20}}
	for revision := uint64(1); revision <= 50; revision++ {
		h.gone(revision, []byte("key"), false)
	}
	held := 0
	for i := range h.ring {
		if h.ring[i].key != nil {
			held++
		}
	}
	if held != 3 || len(h.ring) != 16 {
		t.Errorf("%d events are held in a ring of %d", held, len(h.ring))
	}
}

// A snapshot has the newest whole revisions within its bounds, so that members with other
// settings, and those that were restored, write the same bytes.
func TestSnapshotsDoNotDependOnSettings(t *testing.T) {
	shortest := least()
	short, long := newDriver(t, shortest), newDriver(t, fmt.Sprintf("{history_events: %d, history_bytes: %d}", mostHistoryEvents, mostHistoryBytes))
	for i := range 3*snapshotEvents/2 - 50 { // so that the deletes are in a snapshot in part, if they can be
		both := put(fmt.Sprintf("key/%03d", i%300), strings.Repeat("v", i%100))
		if i == snapshotEvents/2 {
			both = remove("key/1", "key/2")
		}
		short.do(both)
		long.do(both)
		if i%4000 == 0 { // one goes on from a snapshot
			short = restoredFrom(t, shortest, short)
		}
	}
	if got, want := save(t, short.sm), save(t, long.sm); !bytes.Equal(got, want) {
		t.Error("two members write different snapshots")
	}
	large := strings.Repeat("v", snapshotBytes)
	for range 2 { // a value that no snapshot has the event of
		short.do(put("large", large))
		long.do(put("large", large))
		short.do(put("small", "1"))
		long.do(put("small", "1"))
		if got, want := save(t, short.sm), save(t, long.sm); !bytes.Equal(got, want) {
			t.Error("two members write different snapshots after a large value")
		}
	}
	if got := long.sm.(*machine).store.history.newest(); len(got) != 1 || string(got[0].key) != "small" {
		t.Errorf("a snapshot has %d events, want that of the small value alone", len(got))
	}
}

// restoredFrom is a machine that was restored from a snapshot of another one.
func restoredFrom(t *testing.T, config string, d *driver) *driver {
	t.Helper()
	other := newDriver(t, config)
	other.index = d.index
	if err := other.sm.Restore(t.Context(), d.index, bytes.NewReader(save(t, d.sm))); err != nil {
		t.Fatal(err)
	}
	return other
}

// A snapshot without a history is read: what is written afterwards can be watched.
func TestAnOlderSnapshotIsRead(t *testing.T) {
	snapshot, err := hex.DecodeString(older)
	if err != nil {
		t.Fatal(err)
	}
	d := newDriver(t, "")
	if err := d.sm.Restore(t.Context(), 3, bytes.NewReader(snapshot)); err != nil {
		t.Fatal(err)
	}
	d.index = 3
	d.do(put("c", "4"))
	if h := &d.sm.(*machine).store.history; h.base != 3 || h.count != 1 {
		t.Errorf("%d events are kept after revision %d", h.count, h.base)
	} else if want := (reach{defaultHistoryEvents, defaultHistoryBytes}); h.most != want {
		t.Errorf("after a restore %v is kept, want %v", h.most, want)
	}
}

// goneEvent is one event of a key that is no longer there.
func goneEvent(kind byte, key string, revision byte) []byte {
	return append(append([]byte{kind, byte(len(key))}, key...), revision)
}

// A history with the right checksums can still be wrong.
func TestHistoriesThatMakeNoSense(t *testing.T) {
	a, b := rec("a", "1", 1, 0, 1), rec("b", "1", 3, 1, 2)
	keys := append(bytes.Clone(a), b...)
	set := func(record []byte) []byte { return append([]byte{putEvent}, append(record, 0)...) }
	join := func(events ...[]byte) []byte { return bytes.Join(events, nil) }
	for name, test := range map[string]struct {
		events []byte
		count  uint64
		says   string // empty: it is good
	}{
		"good":                      {join(goneEvent(deleteEvent, "a", 2), goneEvent(expiredEvent, "b", 2), set(b)), 3, ""},
		"one":                       {goneEvent(deleteEvent, "a", 3), 1, ""},
		"none":                      {nil, 0, "ends at revision 0"},
		"a gap":                     {join(set(a), set(b)), 2, "after one of 1"},
		"backwards":                 {join(set(b), goneEvent(deleteEvent, "a", 2)), 2, "after one of 3"},
		"not up to the store's":     {goneEvent(deleteEvent, "a", 2), 1, "the store's is 3"},
		"beyond the store's":        {goneEvent(deleteEvent, "a", 4), 1, "the store's is 3"},
		"of revision 0":             {goneEvent(deleteEvent, "a", 0), 1, "malformed"},
		"of an unknown kind":        {goneEvent(3, "a", 3), 1, "malformed"},
		"of no key":                 {goneEvent(deleteEvent, "", 3), 1, "malformed"},
		"cut":                       {goneEvent(deleteEvent, "a", 3)[:3], 1, "malformed"},
		"a kind and nothing":        {[]byte{putEvent}, 1, "malformed"},
		"a put that makes no sense": {set(rec("a", "1", 3, 3, 1)), 1, "malformed"},
		"one missing":               {set(b), 2, "1 events and should have 2"},
		"more than a snapshot has":  {bytes.Repeat(goneEvent(deleteEvent, "a", 3), snapshotEvents+1), snapshotEvents + 1, "more than 4096 events"},
		"larger than a snapshot's":  {set(rec("a", strings.Repeat("v", snapshotBytes), 3, 0, 1)), 1, "1048576 bytes"},
	} {
		err := restoreErr(t, 3, buildWithEvents(3, 2, keys, test.count, test.events))
		if test.says == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.says != "" && (!errors.Is(err, statemachine.ErrBadSnapshot) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %v with %q", name, err, statemachine.ErrBadSnapshot, test.says)
		}
	}
}

// No history makes the reader fail in another way than by ErrBadSnapshot, and what it
// accepts is written back the same.
func FuzzReadHistory(f *testing.F) {
	f.Add(uint64(2), uint64(1), goneEvent(deleteEvent, "a", 2))
	f.Add(uint64(2), uint64(2), append(goneEvent(expiredEvent, "a", 1), append([]byte{putEvent}, append(rec("b", "2", 2, 0, 1), 9)...)...))
	f.Fuzz(func(t *testing.T, revision, count uint64, events []byte) {
		s, err := readSnapshot(t.Context(), bytes.NewReader(buildWithEvents(revision, 0, nil, count, events)))
		if err != nil {
			if !errors.Is(err, statemachine.ErrBadSnapshot) {
				t.Fatalf("%v, want %v", err, statemachine.ErrBadSnapshot)
			}
			return
		}
		var out bytes.Buffer
		if err := writeSnapshot(t.Context(), &out, &frozen{store: s, events: s.history.newest()}); err != nil {
			t.Fatal(err)
		}
		again, err := readSnapshot(t.Context(), bytes.NewReader(out.Bytes()))
		if err != nil || again.history.count != s.history.count || again.history.base != s.history.base || again.history.bytes != s.history.bytes {
			t.Fatalf("written back: %v, %d events after %d, want %d after %d", err, again.history.count, again.history.base, s.history.count, s.history.base)
		}
	})
}
