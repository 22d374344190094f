package core

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// closedDoor is a storage that never takes a stream of appends.
type closedDoor struct{ storage.Storage }

func (closedDoor) Appender(ctx context.Context) (storage.Appender, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A storage that was opened, and takes no stream of appends, is hung: no append shows it,
// since none can be sent. A generation that ends does not wait for it.
func TestAStorageThatTakesNoAppendsIsHung(t *testing.T) {
	for name, ends := range map[string]bool{"the time is up": false, "the generation ends": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGeneration(&Host{cfg: Config{Election: time.Second}})
				g.storage, g.instance = closedDoor{}, &catalog.Instance{}
				defer g.stop()
				pump := newAppendPump(g)
				go pump.run()
				synctest.Wait()
				want, within := catalog.ErrHung, patience.Append(g.h.cfg.Election)
				if ends {
					want, within = errors.New("another failure"), 0
					g.fail(want)
				}
				began := time.Now()
				select {
				case <-pump.ended:
				case <-time.After(time.Hour): // of the bubble
					t.Fatal("it is still waited for")
				}
				if waited := time.Since(began); waited != within {
					t.Errorf("it was waited for %v, want %v", waited, within)
				}
				if cause := context.Cause(g.failing); !errors.Is(cause, want) {
					t.Errorf("the generation failed with %v, want %v", cause, want)
				}
			})
		})
	}
}
