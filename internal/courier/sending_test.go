package courier

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// fullTransport takes messages when it has room, and until then waits.
type fullTransport struct {
	transport.Transport
	room chan struct{}
}

func (f fullTransport) Send(ctx context.Context, _ []transport.Envelope) error {
	select {
	case <-f.room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A transport that takes no messages is declared hung after a while, and its caller
// waits no longer. One that is slow to take them is not, and neither is one whose host
// ends meanwhile.
// Rule TR-15.
func TestATransportThatTakesNothingHangs(t *testing.T) {
	const election = time.Second
	for name, c := range map[string]struct {
		after              time.Duration
		takes, ends, hangs bool
	}{
		"slow":          {after: patience.Send(election) - election, takes: true},
		"full":          {after: patience.Send(election) + 2*election, hangs: true},
		"the host ends": {after: patience.Send(election) / 2, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				full := fullTransport{room: make(chan struct{}, 1)}
				ctx, end := context.WithCancel(t.Context())
				defer end()
				var failed error
				sent := make(chan error, 1)
				to := startSending(ctx, full, election, func(err error) { failed = err })
				defer to.stop()
				go func() { sent <- to.send(nil) }()
				time.Sleep(c.after)
				if c.takes {
					full.room <- struct{}{}
				}
				if c.ends {
					end()
				}
				synctest.Wait()
				select {
				case err := <-sent:
					if (err == nil) != c.takes {
						t.Errorf("Send: %v", err)
					}
				default:
					t.Errorf("Send waits after %v", c.after)
				}
				if errors.Is(failed, catalog.ErrHung) != c.hangs {
					t.Errorf("after %v: %v", c.after, failed)
				}
			})
		})
	}
}

// Sends that are slow again and again are not added up: one alone must last too long.
func TestSlowSendsAreNotAddedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const election = time.Second
		full := fullTransport{room: make(chan struct{}, 1)}
		to := startSending(t.Context(), full, election, func(err error) { t.Error(err) })
		defer to.stop()
		for range 5 {
			time.AfterFunc(patience.Send(election)/2, func() { full.room <- struct{}{} })
			if err := to.send(nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * patience.Send(election)) // with nothing to send
		synctest.Wait()
	})
}

// taker takes messages at once.
type taker struct{ transport.Transport }

func (taker) Send(context.Context, []transport.Envelope) error { return nil }

// BenchmarkSend is what the host's side of a batch costs besides the transport.
func BenchmarkSend(b *testing.B) {
	to := startSending(b.Context(), taker{}, time.Second, func(err error) { b.Error(err) })
	defer to.stop()
	batch := make([]transport.Envelope, 3)
	b.ReportAllocs()
	for b.Loop() {
		if err := to.send(batch); err != nil {
			b.Fatal(err)
		}
	}
}
