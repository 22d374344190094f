package handover

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A thing that is held is waited for until it is free, for as long as a predecessor takes to
// end. Any other error is not.
func TestWhatIsHeldIsWaitedFor(t *testing.T) {
	held, other := errors.New("held"), errors.New("other")
	for name, c := range map[string]struct {
		free, ends time.Duration
		then, want error
		lasts      time.Duration
	}{
		"free at once":      {lasts: 0},
		"free after a time": {free: limit / 2, lasts: limit / 2},
		"never free":        {free: time.Hour, want: held, lasts: limit + between},
		"broken":            {then: other, want: other},
		"the start ends":    {free: time.Hour, ends: limit / 4, want: held, lasts: limit / 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.ends > 0 {
					time.AfterFunc(c.ends, cancel)
				}
				began := time.Now()
				err := Retry(ctx, held, func() error {
					if time.Since(began) < c.free {
						return fmt.Errorf("take: %w", held)
					}
					return c.then
				})
				if took := time.Since(began); !errors.Is(err, c.want) || took < c.lasts || took > c.lasts+between {
					t.Errorf("%v after %v, want %v after %v", err, took, c.want, c.lasts)
				}
			})
		})
	}
}
