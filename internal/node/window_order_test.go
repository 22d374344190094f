package node

import (
	"testing"

	"pgregory.net/rapid"
)

// In whatever order requests come out, the window counts exactly those that were
// handed in and neither came out nor were given up.
func TestTheWindowCountsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		open := map[uint64]uint64{} // sizes by number
		terms := map[uint64]uint64{}
		next, term := uint64(0), uint64(1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "proposals") {
					next++
					p := Proposal{ID: RequestID{Number: next}, data: make([]byte, rapid.IntRange(0, 9).Draw(t, "bytes"))}
					w.add(term, []Proposal{p}, nil)
					open[next], terms[next] = p.size(), term
				}
			},
			"take": func(t *rapid.T) {
				number := rapid.Uint64Range(0, next+1).Draw(t, "number")
				p, ok := w.take(number)
				size, there := open[number]
				if ok != there || p.size != size {
					t.Fatalf("request %d: taken %t with %d bytes, want %t with %d", number, ok, p.size, there, size)
				}
				delete(open, number)
				delete(terms, number)
			},
			"term": func(*rapid.T) { term++ },
			"gone": func(t *rapid.T) {
				before := rapid.Uint64Range(1, term+1).Draw(t, "term")
				for _, id := range w.gone(before) {
					if at, there := terms[id.Number]; !there || at >= before {
						t.Fatalf("request %d of term %d is gone before %d", id.Number, at, before)
					}
					delete(open, id.Number)
					delete(terms, id.Number)
				}
				for number, at := range terms {
					if at < before {
						t.Fatalf("request %d of term %d stays after %d", number, at, before)
					}
				}
			},
			"": func(t *rapid.T) {
				var want uint64
				for _, size := range open {
					want += size
				}
				if w.bytes != want {
					t.Fatalf("%d bytes are under way, want %d", w.bytes, want)
				}
				if held := w.opened(); held != len(open) {
					t.Fatalf("%d requests are held, want %d", held, len(open))
				}
			},
		})
	})
}
