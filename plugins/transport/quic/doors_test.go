package quictransport

import "testing"

// Callers that say nothing leave half of the places, and half of those of their
// address, to members that are connected.
func TestSilentCallersLeaveRoom(t *testing.T) {
	d := newDoors(8, 6, func(string) {})
	for range 3 {
		if !d.enter("10.0.0.9") {
			t.Fatal("there is room")
		}
	}
	if d.enter("10.0.0.9") {
		t.Error("a fourth silent caller of an address that may have six connections")
	}
	if !d.enter("10.0.0.8") || d.enter("10.0.0.7") {
		t.Error("want four silent callers of eight connections")
	}
	d.greeted("10.0.0.9")
	if !d.enter("10.0.0.9") {
		t.Error("one that has greeted takes a place of those that have not")
	}
}
