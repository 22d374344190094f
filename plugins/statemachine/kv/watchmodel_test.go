package kv

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A mirror is what a client makes of the events of a watch.
type mirror struct {
	key, end string
	seen     uint64
	keys     map[string]*kvv1.KeyValue
	in       *watching
}

// follow takes updates until they have come to a revision.
func (m *mirror) follow(rt *rapid.T, revision uint64) {
	for m.seen < revision {
		u := m.in.next()
		if u.Refused != nil || u.Revision < m.seen || u.Revision > revision {
			rt.Fatalf("after revision %d of %d: %v", m.seen, revision, u)
		}
		of, before := map[string]bool{}, m.seen
		for _, e := range u.Events {
			at, key := e.Kv.ModRevision, string(e.Kv.Key)
			if at <= m.seen || at < before || at > u.Revision || at == before && of[key] {
				rt.Fatalf("an event of revision %d after one of %d in an update from %d up to %d", at, before, m.seen+1, u.Revision)
			}
			if at > before {
				clear(of)
			}
			before, of[key] = at, true
			if e.Type == kvv1.EventType_EVENT_TYPE_PUT {
				m.keys[key] = e.Kv
				continue
			}
			if m.keys[key] == nil {
				rt.Fatalf("key %q is deleted at revision %d, and was not there", key, at)
			}
			delete(m.keys, key)
		}
		m.seen = u.Revision
	}
}

// The events of a watch turn what its client has into what the store has. So they do when keys
// are made, expire and are made anew in one batch, and when the watch goes on at another
// member, which was restored from a snapshot, from the revision after the last update.
func TestEventsMakeTheStore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, now := newDriver(t, ""), uint64(1000)
		key := rapid.SampledFrom([]string{"\x00", "a", "a\x00", "a\xff", "b", "\xff", "\xff\xff"})
		end := rapid.SampledFrom([]string{"", "a\x00", "b", "\xff", "\xff\xff\xff"})
		ranges := rapid.SampledFrom([][2]string{{"", ""}, {"a", "b\x00"}, {"a\xff", ""}, {"a\x00", "\xff"}, {"b", "c"}}) // all have b
		var mirrors []*mirror
		apply := func(b statemachine.Batch) {
			if _, err := d.sm.Apply(t.Context(), b); err != nil {
				rt.Fatal(err)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				d.index++ // a watch without an event says only now and then how far it has come
				apply(statemachine.Batch{Entries: []statemachine.Entry{{Index: d.index, Time: now, Data: marshal(t, put("b", ""))}}, Through: d.index})
				for _, m := range mirrors {
					have := d.scan(&kvv1.Range{Key: []byte(m.key), End: []byte(m.end)})
					m.follow(rt, have.Revision)
					got := slices.SortedFunc(maps.Values(m.keys), func(a, b *kvv1.KeyValue) int { return bytes.Compare(a.Key, b.Key) })
					if !slices.EqualFunc(got, have.Kvs, func(a, b *kvv1.KeyValue) bool { return proto.Equal(a, b) }) {
						rt.Fatalf("at revision %d the events make %v, and the store is %v", have.Revision, got, have.Kvs)
					}
				}
			},
			"watch": func(rt *rapid.T) {
				if len(mirrors) == 4 {
					rt.Skip()
				}
				bounds := ranges.Draw(rt, "range")
				m := &mirror{keys: map[string]*kvv1.KeyValue{}, key: bounds[0], end: bounds[1]}
				m.in = d.watch(&kvv1.Watch{Key: []byte(m.key), End: []byte(m.end), From: 1})
				mirrors = append(mirrors, m)
			},
			"batch": func(rt *rapid.T) {
				var b statemachine.Batch
				for range rapid.IntRange(1, 6).Draw(rt, "entries") {
					now += rapid.Uint64Range(0, 20).Draw(rt, "time")
					d.index++
					e := statemachine.Entry{Index: d.index, Time: now}
					switch rapid.IntRange(0, 3).Draw(rt, "what") {
					case 0:
						e.Tick = true
					case 1:
						e.Data = marshal(t, remove(key.Draw(rt, "key"), end.Draw(rt, "end")))
					default:
						ttl := rapid.SampledFrom([]uint64{0, 1, 5, 30}).Draw(rt, "ttl")
						put := &kvv1.Put{Key: []byte(key.Draw(rt, "key")), Value: []byte{byte(d.index)}, TtlMs: ttl}
						e.Data = marshal(t, &kvv1.Command{Op: &kvv1.Command_Put{Put: put}})
					}
					b.Entries, b.Through = append(b.Entries, e), d.index
				}
				apply(b)
			},
			"move": func(*rapid.T) {
				d = restoredFrom(t, "", d)
				for _, m := range mirrors {
					m.in = d.watch(&kvv1.Watch{Key: []byte(m.key), End: []byte(m.end), From: m.seen + 1})
				}
			},
		})
	})
}
