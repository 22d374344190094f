package kv

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	kvv1 "github.com/pontoon-raft/pontoon/api/kv/v1"
)

// model is the store as one would say it: a map, and a revision.
type model struct {
	keys     map[string]*kvv1.KeyValue
	revision uint64
}

func (m *model) put(key, value string) {
	m.revision++
	kv := entry(key, value, m.revision, m.revision, 1)
	if old := m.keys[key]; old != nil {
		kv.CreateRevision, kv.Version = old.CreateRevision, old.Version+1
	}
	m.keys[key] = kv
}

func (m *model) remove(key, end string) *kvv1.CommandResult {
	n := len(m.keys)
	maps.DeleteFunc(m.keys, func(k string, _ *kvv1.KeyValue) bool {
		return k == key && end == "" || end != "" && k >= key && k < end
	})
	if len(m.keys) < n {
		m.revision++
	}
	return &kvv1.CommandResult{Revision: m.revision, Deleted: uint64(n - len(m.keys))}
}

func (m *model) compareAndSet(key string, modRevision uint64, value string) *kvv1.CommandResult {
	old := m.keys[key]
	if old.GetModRevision() != modRevision {
		refused := &kvv1.CommandResult{Revision: m.revision, Current: old}
		if old != nil && len(old.Value) > proto.Size(cas(key, modRevision, value)) {
			refused.Current = entry(key, "", old.CreateRevision, old.ModRevision, old.Version)
		}
		return refused
	}
	m.put(key, value)
	return &kvv1.CommandResult{Revision: m.revision, Succeeded: true}
}

func (m *model) scan(key, end string, limit int) *kvv1.QueryResult {
	answer := &kvv1.QueryResult{Revision: m.revision}
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		if k < key || end != "" && k >= end {
			continue
		}
		if limit > 0 && len(answer.Kvs) == limit {
			answer.More = true
			break
		}
		answer.Kvs = append(answer.Kvs, m.keys[k])
	}
	return answer
}

// Any run of commands gives what the model gives, a snapshot in between shows
// the state at its time, and a machine restored from it goes on the same way.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDriver(t, "")
		m := &model{keys: map[string]*kvv1.KeyValue{}}
		key := rapid.StringMatching(`[abc]{1,3}`)
		end := rapid.StringMatching(`[abc]{0,2}`)
		value := rapid.StringMatching(`v{0,9}`)
		equal := func(got, want proto.Message) {
			if !proto.Equal(got, want) {
				rt.Fatalf("got %v, want %v", got, want)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { equal(d.scan(&kvv1.Range{}), m.scan("", "", 0)) },
			"put": func(rt *rapid.T) {
				k, v := key.Draw(rt, "key"), value.Draw(rt, "value")
				m.put(k, v)
				equal(d.do(put(k, v)), &kvv1.CommandResult{Revision: m.revision})
			},
			"delete": func(rt *rapid.T) {
				k, e := key.Draw(rt, "key"), end.Draw(rt, "end")
				equal(d.do(remove(k, e)), m.remove(k, e))
			},
			"compare and set": func(rt *rapid.T) {
				k, v := key.Draw(rt, "key"), value.Draw(rt, "value")
				revision := rapid.Uint64Range(0, 2).Draw(rt, "revision")
				if old := m.keys[k]; old != nil && rapid.Bool().Draw(rt, "right") {
					revision = old.ModRevision
				}
				equal(d.do(cas(k, revision, v)), m.compareAndSet(k, revision, v))
			},
			"range": func(rt *rapid.T) {
				k, e, limit := end.Draw(rt, "key"), end.Draw(rt, "end"), rapid.IntRange(0, 4).Draw(rt, "limit")
				equal(d.scan(&kvv1.Range{Key: []byte(k), End: []byte(e), Limit: uint32(limit)}), m.scan(k, e, limit))
			},
			"move": func(rt *rapid.T) {
				other := newDriver(t, "")
				other.index = d.index
				if err := other.sm.Restore(t.Context(), d.index, bytes.NewReader(save(t, d.sm))); err != nil {
					rt.Fatal(err)
				}
				d = other
			},
		})
	})
}
