package main

import (
	"fmt"
	"testing"
)

// FuzzStat: a line that is read is written and read alike, whatever the program is
// called, and is never what would stand for several processes.
func FuzzStat(f *testing.F) {
	f.Add([]byte("17 (host) Z 1 17 17 0 -1 4194560"))
	f.Add([]byte("17 (a) R 2 (b)) Z 1 16 17"))
	f.Add([]byte("-1 (x) Z 1 1"))
	f.Add([]byte("17 (x Z 1 1"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, ok := parseStat(raw)
		if !ok {
			return
		}
		if p.pid <= 0 {
			t.Fatalf("%q is process %d", raw, p.pid)
		}
		again, ok := parseStat(fmt.Appendf(nil, "%d (any) name) %c %d %d 9", p.pid, rune(p.state), p.parent, p.group))
		if p.state < 0x80 && (!ok || again != p) {
			t.Fatalf("%q is %+v, then %+v", raw, p, again)
		}
	})
}
