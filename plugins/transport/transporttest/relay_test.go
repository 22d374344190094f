package transporttest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// echo listens, and sends everything back.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func dialRelay(t *testing.T, r *Relay) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Slow bytes arrive all the same, and no sooner than they may.
func TestRelayDelaysAndThrottles(t *testing.T) {
	r := NewRelay(t, echo(t))
	r.Delay(20 * time.Millisecond)
	r.Throttle(1 << 20)
	c := dialRelay(t, r)
	sent := bytes.Repeat([]byte("pontoon "), 4<<10)
	started := time.Now()
	if _, err := c.Write(sent); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("it came back changed, error %v", err)
	}
	// 32 KiB at 1 MiB in a second, and twice the delay.
	if took, least := time.Since(started), 70*time.Millisecond; took < least {
		t.Errorf("it took %v, at least %v", took, least)
	}
}

// Exactly so many bytes go on, and the next connection is sound.
func TestRelayBreaksAfterBytes(t *testing.T) {
	r := NewRelay(t, echo(t))
	c := dialRelay(t, r)
	r.BreakAfter(10)
	if _, err := c.Write([]byte("0123456789abcdef")); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 16)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %d bytes and %v from a connection that broke", n, err)
	}
	if got := r.Carried(); got != 10 {
		t.Errorf("%d bytes were carried", got)
	}
	c = dialRelay(t, r)
	if _, err := c.Write([]byte("again")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Errorf("the next connection: %v", err)
	}
}

// A relay is on its target's address of loopback, and of another target on the usual one.
func TestWhereARelayListens(t *testing.T) {
	for target, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1", "127.0.1.7:1": "127.0.1.7", "[::1]:1": "::1",
		"0.0.0.0:1": "127.0.0.1", "[::]:1": "127.0.0.1", "10.0.0.1:1": "127.0.0.1", "n1:1": "127.0.0.1", "nothing": "127.0.0.1",
	} {
		if got := inFrontOf(target); got != want {
			t.Errorf("in front of %s it listens on %s, want %s", target, got, want)
		}
	}
}
