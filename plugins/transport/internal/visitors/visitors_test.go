package visitors

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// caller is a connection as a model has it.
type caller struct {
	v     *Visitor
	host  string
	known bool
}

// world is all callers there are, in the order in which they came, beside the Visitors.
type world struct {
	t           *rapid.T
	s           *Visitors
	total, each int
	present     []*caller
	ended       []*caller // by the last entry
}

func (w *world) of(host string) []*caller {
	return slices.DeleteFunc(slices.Clone(w.present), func(c *caller) bool { return c.host != host })
}

func (w *world) strangers(of []*caller) []*caller {
	return slices.DeleteFunc(slices.Clone(of), func(c *caller) bool { return c.known })
}

// most is how many strangers the address has that has most of them.
func (w *world) most() (most int) {
	for _, c := range w.present {
		most = max(most, len(w.strangers(w.of(c.host))))
	}
	return most
}

func (w *world) gone(c *caller) {
	w.present = slices.DeleteFunc(w.present, func(o *caller) bool { return o == c })
}

// enter lets a caller in as one that gives way, and checks which one made room for it.
func (w *world) enter(host string) {
	full := len(w.present) >= w.total || len(w.of(host)) >= w.each
	own, all, most := w.strangers(w.of(host)), w.strangers(w.present), w.most()
	w.ended = nil
	c := &caller{host: host}
	c.v = w.s.Enter(host, func() {
		w.ended = append(w.ended, c)
		c.v.Leave() // as a connection does that is closed
	})
	if refused := full && len(own) == 0; (c.v == nil) != refused {
		w.t.Fatalf("refused: %t, want %t", c.v == nil, refused)
	}
	switch {
	case c.v == nil:
		w.wantEnded(0)
		return
	case full:
		if w.wantEnded(1); w.ended[0] != own[0] {
			w.t.Fatal("another one went than the oldest stranger of the address")
		}
	case len(all) >= max(1, w.total/2):
		w.wantEnded(1)
		goes := w.ended[0]
		if theirs := w.strangers(w.of(goes.host)); goes.known || goes != theirs[0] || len(theirs) != most {
			w.t.Fatal("another one went than the oldest stranger of an address with most of them")
		}
	default:
		w.wantEnded(0)
	}
	for _, goes := range w.ended {
		w.gone(goes)
	}
	w.present = append(w.present, c)
}

func (w *world) wantEnded(n int) {
	if len(w.ended) != n {
		w.t.Fatalf("%d connections were ended for it, want %d", len(w.ended), n)
	}
}

// enterFree lets a caller in as one that does not give way.
func (w *world) enterFree(host string) {
	full := len(w.present) >= w.total || len(w.of(host)) >= w.each
	crowded := len(w.strangers(w.present)) >= max(1, w.total/2) || len(w.strangers(w.of(host))) >= max(1, w.each/2)
	c := &caller{host: host, v: w.s.EnterFree(host)}
	if (c.v == nil) != (full || crowded) {
		w.t.Fatalf("refused: %t, want %t", c.v == nil, full || crowded)
	}
	if c.v != nil {
		w.present = append(w.present, c)
	}
}

// check compares the counts, and that nothing is kept of an address without connections.
func (w *world) check() {
	hosts, strange := map[string]bool{}, map[string]bool{}
	for _, c := range w.present {
		hosts[c.host] = true
		strange[c.host] = strange[c.host] || !c.known
		all, strangers, here := w.s.Count(c.host)
		if want := len(w.strangers(w.of(c.host))); all != len(w.present) || strangers != len(w.strangers(w.present)) || here != want {
			w.t.Fatalf("counted %d, %d strangers, %d of %s; want %d, %d, %d", all, strangers, here, c.host, len(w.present), len(w.strangers(w.present)), want)
		}
		if got, want := w.s.open[c.host], len(w.of(c.host)); got != want || got > w.each {
			w.t.Fatalf("%s has %d connections, want %d, at most %d", c.host, got, want, w.each)
		}
	}
	for host, is := range strange {
		if !is {
			delete(strange, host)
		}
	}
	if all, strangers, _ := w.s.Count(""); all != len(w.present) || all > w.total || strangers > max(1, w.total/2) {
		w.t.Fatalf("%d are there, %d of them strangers; want %d of %d", all, strangers, len(w.present), w.total)
	}
	if len(w.s.open) != len(hosts) || len(w.s.strangers) != len(strange) {
		w.t.Fatalf("%d addresses are kept, %d with strangers; want %d, %d", len(w.s.open), len(w.s.strangers), len(hosts), len(strange))
	}
}

// Connections may do all things in any order, and more than once: each counts from its entry until
// its first Leave, a member's is never ended for another one, strangers hold half of the places
// at most, and an address that has gone is forgotten.
func TestVisitorsCountEachConnectionOnce(t *testing.T) {
	for name, enter := range map[string]func(*world, string){"they give way": (*world).enter, "they do not give way": (*world).enterFree} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				total := rapid.IntRange(1, 12).Draw(t, "total")
				each := rapid.IntRange(1, total).Draw(t, "each")
				w := &world{t: t, s: New(total, each), total: total, each: each}
				var all []*caller // those that have left among them
				pick := func() *caller {
					if len(all) == 0 {
						t.Skip("none has come yet")
					}
					return rapid.SampledFrom(all).Draw(t, "caller")
				}
				t.Repeat(map[string]func(*rapid.T){
					"": func(*rapid.T) { w.check() },
					"enter": func(t *rapid.T) {
						before := len(w.present)
						enter(w, fmt.Sprintf("10.0.0.%d", rapid.IntRange(1, 5).Draw(t, "host")))
						if n := len(w.present); n > 0 && (n > before || len(w.ended) > 0) {
							all = append(all, w.present[n-1])
						}
					},
					"known": func(*rapid.T) {
						c := pick()
						c.v.Known()
						c.known = true
					},
					"leave": func(*rapid.T) {
						c := pick()
						c.v.Leave()
						w.gone(c)
					},
				})
				for _, c := range all {
					c.v.Leave()
				}
				if len(w.s.open)+len(w.s.strangers) > 0 || w.s.all != 0 || w.s.unknown != 0 {
					t.Fatalf("all have left, and %d are there, %d of them strangers", w.s.all, w.s.unknown)
				}
			})
		})
	}
}
