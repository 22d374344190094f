package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/bucket"
)

// An address may waste a burst, and then some in each second,
// whatever others do.
func TestWasteIsCountedByAddress(t *testing.T) {
	b, now := waste{by: map[string]*bucket.Bucket{}}, time.Now()
	for i := range wasteBurst {
		if !b.spend("a", now) {
			t.Fatalf("%d of a burst of %d", i, wasteBurst)
		}
	}
	if b.spend("a", now) || !b.spent("a", now) {
		t.Error("more than a burst passes")
	}
	if !b.spend("b", now) || b.spent("b", now) {
		t.Error("another address is refused")
	}
	now = now.Add(time.Second)
	passed := 0
	for b.spend("a", now) {
		passed++
	}
	if passed != wasteRate {
		t.Errorf("%d pass a second later, want %d", passed, wasteRate)
	}
	if now = now.Add(time.Minute); b.spent("a", now) {
		t.Error("a minute later it is not forgotten")
	}
	for i := range 10 * mostAddresses {
		b.spend(fmt.Sprint(i), now)
	}
	if len(b.by) > mostAddresses {
		t.Errorf("%d addresses are remembered", len(b.by))
	}
}
