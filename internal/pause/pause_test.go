package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

func TestAPauseLastsAsLongAsItsContextAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if !pause.For(ctx, 2*time.Second) || time.Since(began) != 2*time.Second {
			t.Errorf("a pause of 2s took %v", time.Since(began))
		}
		if pause.For(ctx, 2*time.Second) || time.Since(began) != 3*time.Second {
			t.Errorf("a pause that a context ended after 1s took %v", time.Since(began)-2*time.Second)
		}
	})
}
