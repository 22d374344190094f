package api

import "testing"

// greedy takes one thing of so many bytes at a time, by each of the lanes in
// turn, until none gets any more.
func greedy(lanes []*lane, bytes int64) {
	for more := true; more; {
		more = false
		for _, l := range lanes {
			more = l.take(amount{1, bytes}) || more
		}
	}
}

func lanes(p *pool, keys ...string) []*lane {
	var all []*lane
	for _, key := range keys {
		all = append(all, p.enter(client{key, &clientConn{}}))
	}
	return all
}

func repeated(key string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = key
	}
	return all
}

// Though others take all they can, a newcomer finds room, be it another client
// or another connection of the same one.
func TestAPoolLeavesRoomForNewcomers(t *testing.T) {
	for name, keys := range map[string][]string{
		"one connection":                     {"a"},
		"a hundred connections of a client":  repeated("a", 100),
		"a hundred connections, two clients": append(repeated("a", 99), "b"),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(amount{20_000, 32 << 20})
			all := lanes(p, keys...)
			greedy(all, 1000)
			if used := p.inUse(); used.count < 15_000 {
				t.Errorf("they have %d of 20000", used.count)
			}
			for _, key := range []string{"a", "new"} {
				newcomer := lanes(p, key)[0]
				for i := range 4 {
					if !newcomer.take(amount{1, 1000}) {
						t.Errorf("a new connection of client %q gets %d proposals", key, i)
						break
					}
				}
			}
		})
	}
}

// Clients that want all they can get have about the same after a while, however
// many connections they use and whichever began.
func TestAPoolIsDividedEvenly(t *testing.T) {
	p := newPool(amount{count: 1000})
	all := lanes(p, "a", "b", "b", "b", "b")
	greedy(all[1:], 0)
	for range 2000 { // one thing after another is done
		for _, l := range all {
			if l.used.count > 0 {
				l.give(amount{count: 1})
			}
			greedy(all, 0)
		}
	}
	a, b := all[0].share.used.count, all[1].share.used.count
	if a < b*3/4 || b < a*3/4 {
		t.Errorf("a has %d, b with four connections %d", a, b)
	}
}

// A client that is alone may have one thing that is as large as all.
func TestAPoolHasRoomForTheLargest(t *testing.T) {
	p := newPool(amount{10, 100})
	l := lanes(p, "a")[0]
	if !l.take(amount{1, 100}) {
		t.Error("all of an empty pool is refused")
	}
	if l.take(amount{1, 1}) {
		t.Error("more than all is taken")
	}
}

// Nothing is left of clients that are gone.
func TestAPoolForgetsClients(t *testing.T) {
	p := newPool(amount{count: 100})
	all := lanes(p, "a", "a", "b")
	greedy(all, 0)
	for _, l := range all {
		l.leave() // what it has taken comes back later
		for l.used.count > 0 {
			l.give(amount{count: 1})
		}
	}
	if len(p.clients) != 0 || p.used != (amount{}) {
		t.Errorf("%d clients are left, with %v", len(p.clients), p.used)
	}
}

// A client that has its share gets as much as comes back, and not something larger
// instead, which would keep all that is small out until its share is free again.
func TestAPoolGivesOnlyWhatHasComeBack(t *testing.T) {
	p := newPool(amount{10_000, 9000})
	l := lanes(p, "a")[0]
	greedy([]*lane{l}, 10)
	for range 10 {
		l.give(amount{1, 10})
	}
	if l.take(amount{1, 800}) {
		t.Error("100 bytes came back, and 800 are taken")
	}
	for i := range 10 {
		if !l.take(amount{1, 10}) {
			t.Errorf("100 bytes came back, and %d are taken", i*10)
			break
		}
	}
}
