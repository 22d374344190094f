package peertls_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/peertls/peertlstest"
)

// A connection ends when the authority of its certificate is no longer in the file, also
// one that is heard of only after that, and whether its certificate has run out or not.
// Others stay: after a change of the file that leaves their authority in it, after they
// were released, and when their time is over.
func TestConnectionsEndWithTheirAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, staying := peertlstest.New(t), peertlstest.New(t)
		files := staying.Files(t, member(1))
		text := func(f *peertlstest.Forge) []byte {
			pair, err := f.Authority.Pair()
			if err != nil {
				t.Fatal(err)
			}
			return pair.Cert
		}
		replace := func(ca []byte) {
			peertlstest.WriteFile(t, files.CA, ca)
			time.Sleep(time.Minute) // several looks
			synctest.Wait()
		}
		peertlstest.WriteFile(t, files.CA, append(text(old), text(staying)...))
		var log bytes.Buffer
		one, err := peertls.Open(files, member(1), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { one.Watch(ctx) })

		// shakes is what holds a new connection with a member of that forge.
		shakes := func(f *peertlstest.Forge, id uint64) func(t *testing.T) (ended *atomic.Bool, release func()) {
			theirs := f.Files(t, member(id))
			peertlstest.WriteFile(t, theirs.CA, append(text(old), text(staying)...))
			other, err := peertls.Open(theirs, member(id), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, state, clientErr, serverErr := handshake(t, other.Client(1), one.Server())
			if clientErr != nil || serverErr != nil {
				t.Fatalf("client: %v, server: %v", clientErr, serverErr)
			}
			return func(*testing.T) (*atomic.Bool, func()) {
				ended := new(atomic.Bool)
				return ended, one.Hold(state, func() { ended.Store(true) })
			}
		}
		stolen, _ := shakes(old, 2)(t)
		released, release := shakes(old, 3)(t)
		release()
		good, _ := shakes(staying, 4)(t)
		late := shakes(old, 5)
		replace(append(text(staying), text(old)...))
		if stolen.Load() || good.Load() {
			t.Error("a connection has ended though its authority is there")
		}
		time.Sleep(3 * time.Hour) // all certificates have run out
		peertlstest.Write(t, files, staying.Pair(t, member(1), nil))
		replace(text(staying))
		if !stolen.Load() {
			t.Error("a connection goes on without its authority")
		}
		if good.Load() {
			t.Error("the end of a certificate's time has ended its connection")
		}
		if released.Load() {
			t.Error("a connection that had been released was ended")
		}
		if ended, _ := late(t); !ended.Load() {
			t.Error("a connection that is told of after the change goes on")
		}
		if n := strings.Count(log.String(), "connections=1"); n != 1 {
			t.Errorf("%d lines tell of it, want 1:\n%s", n, log.String())
		}
		stop()
		watching.Wait()
	})
}
