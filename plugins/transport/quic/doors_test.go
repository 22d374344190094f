package quictransport

import (
	"net"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/visitors"
)

// Callers that say nothing leave half of the places, and half of those of their
// address, to members that are connected.
func TestSilentCallersLeaveRoom(t *testing.T) {
	d := newDoors(8, 6, func(string) {})
	first := d.EnterFree("10.0.0.9")
	if first == nil || d.EnterFree("10.0.0.9") == nil || d.EnterFree("10.0.0.9") == nil {
		t.Fatal("there is room")
	}
	if d.EnterFree("10.0.0.9") != nil {
		t.Error("a fourth silent caller of an address that may have six connections")
	}
	if d.EnterFree("10.0.0.8") == nil || d.EnterFree("10.0.0.7") != nil {
		t.Error("want four silent callers of eight connections")
	}
	first.Known()
	if d.EnterFree("10.0.0.9") == nil {
		t.Error("one that has greeted takes a place of those that have not")
	}
}

// A new caller is doubted when its address has many callers that have not greeted, or
// the host has.
func TestWhoIsDoubted(t *testing.T) {
	caller := func(host string) net.Addr { return &net.UDPAddr{IP: net.ParseIP(host), Port: 7} }
	d := newDoors(256, 64, func(string) {})
	var last *visitors.Visitor
	for n := range 8 {
		if d.doubtful(caller("10.0.0.9")) {
			t.Fatalf("the address has %d silent callers of 64 places, and is doubted", n)
		}
		last = d.EnterFree("10.0.0.9")
	}
	if !d.doubtful(caller("10.0.0.9")) || d.doubtful(caller("10.0.0.8")) {
		t.Error("want the address doubted that has 8 silent callers, and no other one")
	}
	last.Known()
	if d.doubtful(caller("10.0.0.9")) {
		t.Error("one of them has greeted")
	}
}
