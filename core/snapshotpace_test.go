package core

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// zeros is a snapshot without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// A snapshot on its way lasts as long as a step of it goes in time; one whose
// receiver trickles, or takes nothing, is given up with the numbers.
func TestASnapshotOnItsWayMustMove(t *testing.T) {
	const limit = 32 * time.Second
	for _, c := range []struct {
		bytes int
		pause time.Duration
		moves bool
	}{
		{sendStep, limit - time.Second, true},
		{sendStep / 4, limit/4 - time.Second, true},
		{1, limit - time.Second, false},
		{1, time.Hour, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			p := newProgressReader(zeros{}, limit, cancel)
			defer p.stop()
			for range 20 {
				if _, err := io.ReadFull(p, make([]byte, c.bytes)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(c.pause) // of the bubble
			}
			synctest.Wait()
			if moves := ctx.Err() == nil; moves != c.moves {
				t.Errorf("%d bytes in %v: %v", c.bytes, c.pause, context.Cause(ctx))
			}
		})
	}
}

// A storage that never opens a snapshot keeps its follower waiting no longer than a peer
// that takes nothing, and the error names it.
func TestASnapshotThatIsNotOpenedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGeneration(&Host{cfg: Config{Election: time.Second}})
		g.storage = muteStorage{}
		ctx, cancel := context.WithCancelCause(g.working)
		defer cancel(nil)
		opened := make(chan error, 1)
		go func() {
			_, err := g.snapshotToSend(ctx, 2, cancel)
			opened <- err
		}()
		select {
		case err := <-opened:
			if err == nil || !strings.Contains(err.Error(), "the storage has not opened it for") {
				t.Errorf("got %v", err)
			}
		case <-time.After(time.Hour): // of the bubble
			t.Error("the snapshot is still not given up")
			g.stop()
			<-opened
		}
	})
}
