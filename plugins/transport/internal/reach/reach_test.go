package reach

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

func newLog(causes ...Cause) (*Log, *bytes.Buffer) {
	var out bytes.Buffer
	return New(slog.New(slog.NewTextHandler(&out, nil)), causes...), &out
}

// The first failure is said at once, a new reason too, and the same one once a
// minute; that it is over is said once.
func TestSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLog()
		count := func(what string) int { return strings.Count(out.String(), what) }
		l.Reached(2)
		if out.Len() > 0 {
			t.Fatalf("nothing had failed: %s", out)
		}
		for range 1500 { // two and a half minutes
			l.Failed(2, "http://two", syscall.ECONNREFUSED)
			l.Failed(2, "http://two", context.DeadlineExceeded)
			<-time.After(100 * time.Millisecond)
		}
		if count("level=WARN") != 6 || count("reason=connection_refused") != 3 || count("reason=timeout") != 3 {
			t.Errorf("two reasons, three times each:\n%s", out)
		}
		l.Reached(2)
		l.Reached(2)
		if count("level=INFO") != 1 {
			t.Errorf("over once:\n%s", out)
		}
		l.Failed(3, "http://three", syscall.ECONNREFUSED)
		if count("level=WARN") != 7 {
			t.Errorf("another peer:\n%s", out)
		}
	})
}

// A peer that comes and goes fills no log.
func TestAFlappingPeerIsSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLog()
		for range 590 {
			l.Failed(2, "", syscall.ECONNREFUSED)
			l.Reached(2)
			<-time.After(100 * time.Millisecond)
		}
		if n := strings.Count(out.String(), "\n"); n != 2 {
			t.Errorf("%d lines in a minute:\n%s", n, out)
		}
	})
}

// Each kind of failure has a word of its own.
func TestReasons(t *testing.T) {
	own := errors.New("of the backend")
	l, _ := newLog(Cause{own, "version"})
	mismatch := &transport.Mismatch{Reason: transport.MismatchStore, Known: 1, Own: transport.Greeting{Store: 0xabc}, Peer: transport.Greeting{Store: 0xdef}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{own, "version"},
		{syscall.ECONNREFUSED, "connection_refused"},
		{syscall.ENETUNREACH, "no_route"},
		{syscall.ECONNRESET, "connection_broke"},
		{context.DeadlineExceeded, "timeout"},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, "timeout"},
		{&net.DNSError{Err: "no such host"}, "name"},
		{tls.RecordHeaderError{Msg: "not a handshake"}, "tls_not_tls"},
		{mismatch, "other_store"},
		{&transport.Mismatch{Reason: transport.MismatchFounding}, "other_founding"},
		{&transport.Mismatch{Reason: transport.MismatchNumber}, "other_number"},
		{errors.New("whatever"), "other"},
	} {
		if got := l.reason(fmt.Errorf("dial: %w", c.err)); got != c.want {
			t.Errorf("%v is %q, want %q", c.err, got, c.want)
		}
	}
	l, out := newLog()
	l.Failed(2, "http://two", mismatch)
	for _, part := range []string{"own_greeting.store=abc", "peer_greeting.store=def", "url=http://two"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %s in %s", part, out)
		}
	}
}

// Callers that are not members silence nothing that is said of a member, and
// neither fill the log nor keep each other out of it for good.
func TestStrangersDoNotSilenceAMembersOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, out := newLog()
		l.Set(transport.PeerSet{Peers: []transport.Peer{{Id: 2}}})
		for id := range uint64(1000) {
			l.Failed(1000+id, "192.0.2.1:1", syscall.ECONNREFUSED)
		}
		if n := strings.Count(out.String(), "level=WARN"); n != maxStrangers {
			t.Errorf("%d lines of strangers in a minute", n)
		}
		l.Failed(2, "http://two", syscall.ECONNREFUSED)
		if !strings.Contains(out.String(), "peer=2 ") {
			t.Error("nothing is said of member 2")
		}
		<-time.After(quiet)
		l.Failed(0xabcdef, "192.0.2.1:1", syscall.ECONNREFUSED)
		if !strings.Contains(out.String(), "peer=abcdef ") {
			t.Error("nothing is said of a stranger although others have been quiet")
		}
		if len(l.peers) > maxStrangers+1 {
			t.Errorf("%d peers are remembered", len(l.peers))
		}
	})
}
