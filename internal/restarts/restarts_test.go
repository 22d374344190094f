package restarts

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A restart begins when the keeper takes it, and ends with the keeper's answer; the asker
// does not wait longer than its context, for a keeper no longer than its limit, and not for
// the keeper of a plugin that has ended by itself.
func TestAnAskedRestartEndsInOneWay(t *testing.T) {
	const limit = time.Second
	busy, failed, left := errors.New("busy"), errors.New("failed"), errors.New("left")
	for name, c := range map[string]struct {
		taken, ends, leaves time.Duration // 0 is never
		answer              error
		hangs               bool // the keeper has taken it, and does not answer
		begun               bool
		want                error
		lasts               time.Duration
	}{
		"taken and done":       {taken: limit / 4, begun: true, lasts: limit / 4},
		"taken and failed":     {taken: limit / 4, answer: failed, begun: true, want: failed, lasts: limit / 4},
		"not taken":            {want: busy, lasts: limit},
		"ended by itself":      {ends: limit / 2, want: plugins.ErrGone, lasts: limit / 2},
		"the asker leaves":     {leaves: limit / 2, want: left, lasts: limit / 2},
		"it leaves later":      {taken: limit / 4, leaves: 2 * limit, hangs: true, begun: true, want: left, lasts: 2 * limit},
		"ended after the take": {taken: limit / 4, ends: limit / 2, leaves: 2 * limit, hangs: true, begun: true, want: left, lasts: 2 * limit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				keeper, ended := make(chan *Restart), make(chan struct{})
				after(c.ends, func() { close(ended) })
				after(c.leaves, func() { cancel(left) })
				after(c.taken, func() {
					if r := <-keeper; !c.hangs {
						r.Answer(c.answer)
					}
				})
				start := time.Now()
				begun, err := Ask(ctx, keeper, ended, limit, busy)
				if begun != c.begun || !errors.Is(err, c.want) || time.Since(start) != c.lasts {
					t.Errorf("begun %t, %v after %v; want %t, %v after %v", begun, err, time.Since(start), c.begun, c.want, c.lasts)
				}
			})
		})
	}
}

// after has something done after a time, unless that is 0.
func after(d time.Duration, do func()) {
	if d > 0 {
		time.AfterFunc(d, do)
	}
}

// A restart that was not asked for has no asker to be told, and an answer does not wait for
// an asker that has left.
func TestAnAnswerWaitsForNothing(t *testing.T) {
	var none *Restart
	none.Answer(nil)
	(&Restart{done: make(chan error, 1)}).Answer(nil)
}
