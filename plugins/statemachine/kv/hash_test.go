package kv

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// After each operation the sum is that of all records, made anew.
func TestTheSumIsThatOfAllRecords(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDriver(t, "")
		now := uint64(1000)
		key := rapid.StringMatching(`[abc]{1,2}`)
		end := rapid.StringMatching(`[abc]{0,2}`)
		value := rapid.StringMatching(`v{0,9}`)
		ttl := rapid.Uint64Range(0, 40)
		step := func(rt *rapid.T) uint64 { now += rapid.Uint64Range(0, 20).Draw(rt, "time"); return now }
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				s := &d.sm.(*machine).store
				sum, n := uint64(0), 0
				s.ascend(nil, nil, func(rec *record) bool {
					sum += rec.hash()
					if rec.mortal {
						n++
					}
					return true
				})
				c := s.clone()
				if s.sum != sum || s.deadlines.Len() != n || s.mortals != n || c.sum != sum {
					rt.Fatalf("sum %x, want %x; clone %x; %d deadlines, %d mortals, want %d", s.sum, sum, c.sum, s.deadlines.Len(), s.mortals, n)
				}
			},
			"put": func(rt *rapid.T) {
				d.entryAt(step(rt), putFor(key.Draw(rt, "k"), value.Draw(rt, "v"), ttl.Draw(rt, "ttl")))
			},
			"delete": func(rt *rapid.T) { d.entryAt(step(rt), remove(key.Draw(rt, "k"), end.Draw(rt, "e"))) },
			"cas": func(rt *rapid.T) {
				k := key.Draw(rt, "k")
				rev := rapid.Uint64Range(0, 2).Draw(rt, "rev")
				if rec := d.sm.(*machine).store.get([]byte(k)); rec != nil && rapid.Bool().Draw(rt, "right") {
					rev = rec.modify
				}
				d.entryAt(step(rt), casFor(k, rev, value.Draw(rt, "v"), ttl.Draw(rt, "ttl")))
			},
			"move": func(rt *rapid.T) {
				other := newDriver(t, "")
				if rapid.Bool().Draw(rt, "over another state") {
					other.entryAt(now, putFor("zz", "x", 5))
				}
				other.index = d.index
				if err := other.sm.Restore(t.Context(), d.index, bytes.NewReader(save(t, d.sm))); err != nil {
					rt.Fatal(err)
				}
				if a, b := d.sm.(*machine).StateHash(), other.sm.(*machine).StateHash(); !bytes.Equal(a, b) {
					rt.Fatalf("hash %x after a restore, %x before", b, a)
				}
				d = other
			},
		})
	})
}

// A bit that changes in memory under a key changes a hash, also if the key is never touched
// again: within as many hashes as it takes to look at all records.
func TestABitThatChangesInMemoryChangesTheHash(t *testing.T) {
	const keys = 3*reviewRecords + 1
	d := newDriver(t, "")
	for i := range keys {
		d.entryAt(uint64(1000+i), putFor(fmt.Sprintf("key %06d", i), "value", 0))
	}
	s := &d.sm.(*machine).store
	for _, i := range []int{0, reviewRecords, keys - 1} {
		before := d.sm.(*machine).StateHash()
		s.get(fmt.Appendf(nil, "key %06d", i)).value()[0] ^= 1
		found := false
		for range keys/reviewRecords + 1 {
			found = found || !bytes.Equal(d.sm.(*machine).StateHash(), before)
		}
		if !found {
			t.Errorf("the hash does not show a bit that has changed under key %d", i)
		}
	}
}
