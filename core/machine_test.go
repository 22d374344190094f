package core

import (
	"errors"
	"fmt"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// The server knows a state machine that was given up because it kept ending from one that
// cannot be used: the first may be an entry's fault.
func TestAStateMachineThatWasGivenUpIsKnown(t *testing.T) {
	for cause, want := range map[error]bool{catalog.ErrCrashLoop: true, catalog.ErrPermanent: false} {
		err := error(permanentError{fmt.Errorf("start: %w", cause)})
		if !errors.Is(err, server.ErrPermanent) || errors.Is(err, server.ErrCrashLoop) != want {
			t.Errorf("%v: permanent %t, given up %t", err, errors.Is(err, server.ErrPermanent), errors.Is(err, server.ErrCrashLoop))
		}
	}
}
