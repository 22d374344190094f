package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The state machine has so many queries at a time, and the next waits for one of them
// to be answered, or for its own client to give up.
func TestQueriesAtTheStateMachineAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newQueryGate()
		var leave []func()
		for range queriesAtOnce {
			l, err := g.enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, l)
		}
		ctx, cancel := context.WithTimeout(t.Context(), queryPlace/2)
		defer cancel()
		if _, err := g.enter(ctx); err == nil {
			t.Error("one more is let in")
		}
		leave[0]()
		next, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next()
		for _, l := range leave[1:] {
			l()
		}
	})
}

// Queries that hang keep others waiting for a moment only, and give their places back
// once.
func TestQueriesThatHangGiveUpTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newQueryGate()
		var hanging []func()
		for range queriesAtOnce {
			l, err := g.enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			hanging = append(hanging, l)
		}
		began := time.Now()
		leave, err := g.enter(t.Context())
		if err != nil || time.Since(began) > queryPlace {
			t.Fatalf("let in after %v, %v", time.Since(began), err)
		}
		for _, l := range hanging {
			l()
		}
		if taken := len(g.places); taken != 1 {
			t.Errorf("%d places are taken, one query is under way", taken)
		}
		leave()
	})
}
