package node

import (
	"errors"
	"strings"
	"testing"
)

// A panic of raft is an error that says so, and the last word of its node: it
// is asked nothing more.
func TestAPanicOfRaftIsTheLastWord(t *testing.T) {
	n := newTrio(t)
	n.elect()
	err := n.core.step(func() error { panic("tocommit(9) is out of range [lastIndex(3)]") })
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "out of range") {
		t.Fatalf("got %v, want %v with what raft said", err, ErrFailed)
	}
	for name, ask := range map[string]func() error{
		"a tick":     n.core.Tick,
		"a proposal": func() error { return n.core.Propose(someProposal()) },
		"an append":  func() error { return n.core.AppendDone(1) },
	} {
		if got := ask(); !errors.Is(got, ErrFailed) {
			t.Errorf("%s after that: %v, want %v", name, got, ErrFailed)
		}
	}
}
