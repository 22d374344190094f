package sdnotify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

// A fakeSystemd notes what it is told.
type fakeSystemd struct {
	mu   sync.Mutex
	said []string
	err  error
}

func (f *fakeSystemd) send(state string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.said = append(f.said, strings.Split(state, "\n")...)
	return nil
}

func (f *fakeSystemd) fails(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// take returns what was said since the last take.
func (f *fakeSystemd) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := f.said
	f.said = nil
	return said
}

// A process is one whose condition the test sets.
type process struct {
	mu sync.Mutex
	c  Condition
}

func (p *process) condition() Condition {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.c
}

func (p *process) is(c Condition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.c = c
}

func run(t *testing.T, watchdog time.Duration, during func(*fakeSystemd, *process, context.CancelFunc)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f, p := &fakeSystemd{}, &process{}
		p.is(Condition{NotReady: errors.New("knows no leader")})
		m := &Manager{send: f.send, watchdog: watchdog, logger: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.Run(ctx, p.condition)
		synctest.Wait()
		during(f, p, cancel)
	})
}

func says(t *testing.T, f *fakeSystemd, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := f.take(); !slices.Equal(got, want) {
		t.Fatalf("systemd was told %q, want %q", got, want)
	}
}

// Each state of a life, in its order.
func TestSystemdIsToldALife(t *testing.T) {
	run(t, 0, func(f *fakeSystemd, p *process, stop context.CancelFunc) {
		says(t, f, "STATUS=knows no leader", "EXTEND_TIMEOUT_USEC=30000000")
		time.Sleep(9 * time.Second)
		says(t, f)
		time.Sleep(time.Second)
		says(t, f, "EXTEND_TIMEOUT_USEC=30000000")
		p.is(Condition{Text: "follows n2 in term 7"})
		time.Sleep(time.Second)
		says(t, f, "READY=1", "STATUS=follows n2 in term 7")
		p.is(Condition{NotReady: errors.New("knows no leader")})
		time.Sleep(time.Minute)
		says(t, f, "STATUS=knows no leader") // it was ready once, and systemd waits no longer
		p.is(Condition{Text: "leads in term 8"})
		time.Sleep(time.Minute)
		says(t, f, "STATUS=leads in term 8")
		stop()
		says(t, f, "STOPPING=1", "STATUS=stopping")
	})
}

// A process that does not get on is left to the timeout of its start, and to the
// watchdog afterwards.
func TestOnlyALiveProcessIsGivenTime(t *testing.T) {
	stuck := Condition{NotReady: errors.New("not ready"), NotLive: errors.New("the raft goroutine ticked 9s ago")}
	run(t, 8*time.Second, func(f *fakeSystemd, p *process, _ context.CancelFunc) {
		f.take()
		p.is(stuck)
		time.Sleep(time.Minute)
		says(t, f, "STATUS=not ready")
		p.is(Condition{Text: "leads"})
		time.Sleep(time.Second)
		says(t, f, "READY=1", "STATUS=leads", "WATCHDOG=1")
		time.Sleep(2 * time.Second)
		says(t, f, "WATCHDOG=1", "WATCHDOG=1")
		p.is(stuck)
		time.Sleep(time.Minute)
		says(t, f, "STATUS=not ready")
	})
}

// A watchdog of less than seconds is fed four times in its time.
func TestAShortWatchdogIsFedInTime(t *testing.T) {
	run(t, 400*time.Millisecond, func(f *fakeSystemd, p *process, _ context.CancelFunc) {
		p.is(Condition{Text: "leads"})
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		f.take()
		time.Sleep(400 * time.Millisecond)
		says(t, f, "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
	})
}

// A word that is lost is said again.
func TestALostWordIsSaidAgain(t *testing.T) {
	run(t, 0, func(f *fakeSystemd, p *process, _ context.CancelFunc) {
		f.take()
		f.fails(errors.New("no buffer space"))
		p.is(Condition{Text: "leads"})
		time.Sleep(5 * time.Second)
		says(t, f)
		f.fails(nil)
		time.Sleep(time.Second)
		says(t, f, "READY=1", "STATUS=leads")
	})
}

// A word that is lost makes no process that was ready one that starts: its watchdog is fed, though it
// serves no more.
func TestALostWordStarvesNoWatchdog(t *testing.T) {
	run(t, 8*time.Second, func(f *fakeSystemd, p *process, _ context.CancelFunc) {
		p.is(Condition{Text: "leads"})
		time.Sleep(time.Second)
		synctest.Wait()
		f.take()
		f.fails(errors.New("no buffer space"))
		p.is(Condition{NotReady: errors.New("the storage starts")})
		time.Sleep(2 * time.Second)
		f.fails(nil)
		time.Sleep(time.Second)
		says(t, f, "READY=1", "STATUS=the storage starts", "WATCHDOG=1")
		time.Sleep(2 * time.Second)
		says(t, f, "WATCHDOG=1", "WATCHDOG=1")
	})
}

// A status is one short line, whatever a plugin has put into it.
func TestAStatusIsOneLine(t *testing.T) {
	for given, want := range map[string]string{
		"the plugin said: a\nMAINPID=1\r\x00": "the plugin said: a MAINPID=1  ",
		"a\xffb":                              "a?b",
		strings.Repeat("ä", 300):              strings.Repeat("ä", 254) + "…",
	} {
		got := Condition{NotReady: fmt.Errorf("%s", given)}.status()
		if got != want || len(got) > maxStatus || !utf8.ValidString(got) {
			t.Errorf("%q is told as %q, want %q", given, got, want)
		}
	}
}

// The socket is that of the environment; without one systemd is not told.
func TestSystemdIsFoundByTheEnvironment(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	if m, err := Find(slog.Default()); m != nil || err != nil {
		t.Fatalf("found %v, %v without a socket", m, err)
	}
	path := filepath.Join(t.TempDir(), "s")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "1500000")
	m, err := Find(slog.Default())
	if err != nil || m == nil || m.watchdog != 1500*time.Millisecond {
		t.Fatalf("found %+v, %v", m, err)
	}
	if err := m.send("READY=1"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"STATUS=starting", "READY=1"} {
		datagram := make([]byte, 100)
		n, err := socket.Read(datagram)
		if err != nil || string(datagram[:n]) != want {
			t.Fatalf("the socket has %q, %v, want %q", datagram[:n], err, want)
		}
	}
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := Find(slog.Default()); err == nil {
		t.Fatal("a watchdog of no time was taken")
	}
}
