package node

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever order requests come out in, the window counts exactly those that were
// handed in and neither came out nor were given up.
func TestTheWindowCountsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		open := map[uint64]uint64{} // sizes by number
		turns := map[uint64]int{}
		next, turn := uint64(0), 0
		forget := func(before int) {
			for number, at := range turns {
				if at < before {
					delete(open, number)
					delete(turns, number)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "proposals") {
					next++
					p := Proposal{ID: RequestID{Number: next}, data: make([]byte, rapid.IntRange(0, 9).Draw(t, "bytes"))}
					w.add([]Proposal{p})
					open[next], turns[next] = p.size(), turn
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
				delete(turns, number)
			},
			"turn": func(*rapid.T) {
				w.ticks = windowTurn
				w.tick(1, false)
				forget(turn)
				turn++
			},
			"reset": func(*rapid.T) {
				w.reset()
				forget(turn + 1)
				turn = 0
			},
			"": func(t *rapid.T) {
				var want uint64
				for _, size := range open {
					want += size
				}
				if w.bytes != want {
					t.Fatalf("%d bytes are under way, want %d", w.bytes, want)
				}
				if held := len(w.open) + len(w.strays); held != len(open) {
					t.Fatalf("%d requests are held, want %d", held, len(open))
				}
			},
		})
	})
}
