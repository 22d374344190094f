package pace

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/wire"
)

const timeout = 5 * time.Second

// largest is the longest message that any setting allows.
func largest() int { return wire.MessageLimit(plugins.ProtocolLimits(0, 0)) }

// slowly reads until the end, with a pause after each so many bytes.
func slowly(r io.Reader, bytes int, pause time.Duration) (total int) {
	for buf := make([]byte, bytes); ; {
		n, err := io.ReadFull(r, buf)
		total += n
		if err != nil {
			return total
		}
		time.Sleep(pause) // of the bubble
	}
}

// The largest message that is allowed goes over a link of 256 KiB in a second
// under a timeout of 5 s, and a third of it over one that is as slow as may be.
func TestWhatMovesArrives(t *testing.T) {
	for _, c := range []struct {
		writer      func(Stream, time.Duration) *Writer
		size, bytes int
		pause       time.Duration
	}{
		{NewWriter, largest(), 32 << 10, time.Second / 8},
		{NewWriter, largest() / 3, Step, timeout - timeout/8 - time.Millisecond},
		{NewWholeWriter, largest(), 32 << 10, time.Second / 8},
		{NewWholeWriter, largest() / 3, Step, timeout - timeout/8 - time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			arrived := make(chan int)
			go func() { arrived <- slowly(far, c.bytes, c.pause) }()
			started := time.Now()
			n, err := c.writer(near, timeout).Write(make([]byte, c.size))
			if err != nil || n != c.size {
				t.Errorf("%d of %d bytes were written: %v", n, c.size, err)
			}
			if time.Since(started) < 10*timeout {
				t.Errorf("the link was not slow: %v", time.Since(started))
			}
			_ = near.Close()
			if got := <-arrived; got != c.size {
				t.Errorf("%d bytes arrived of %d", got, c.size)
			}
		})
	}
}

// A peer that reads nothing, and one that takes a byte now and then, hold a
// writer for the timeout and no longer.
func TestWhatStandsStillIsGivenUp(t *testing.T) {
	for _, newWriter := range []func(Stream, time.Duration) *Writer{NewWriter, NewWholeWriter} {
		for _, pause := range []time.Duration{time.Hour, timeout - time.Second} {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				done := make(chan int)
				go func() { done <- slowly(far, 1, pause) }()
				started := time.Now()
				_, err := newWriter(near, timeout).Write(make([]byte, 1<<20))
				if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(started) != timeout {
					t.Errorf("a byte in %v: %v after %v", pause, err, time.Since(started))
				}
				_ = near.Close()
				<-done
			})
		}
	}
}

// A write as a whole to a peer that takes two steps and no more is given up after the
// timeout that follows the one in which they went, and at once by Interrupt.
func TestAWholeWriteThatComesToAStandIsGivenUp(t *testing.T) {
	for interrupted, want := range map[time.Duration]time.Duration{timeout / 2: timeout / 2, time.Hour: 2 * timeout} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			done := make(chan int)
			go func() { done <- slowly(io.LimitReader(far, 2*Step), 2*Step, time.Nanosecond) }()
			started := time.Now()
			w := NewWholeWriter(near, timeout)
			stop := time.AfterFunc(interrupted, w.Interrupt)
			defer stop.Stop()
			n, err := w.Write(make([]byte, 1<<20))
			if !errors.Is(err, os.ErrDeadlineExceeded) || n != 2*Step || time.Since(started) != want {
				t.Errorf("%d bytes went: %v after %v, want %v", n, err, time.Since(started), want)
			}
			<-done
		})
	}
}

// A write that is stuck ends with Interrupt, and so does every one after it.
func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		w := NewWriter(near, 0)
		time.AfterFunc(time.Hour, w.Interrupt)
		for range 2 {
			if _, err := w.Write([]byte("word")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("write: %v", err)
			}
		}
	})
}

// The same from the other end: a transfer that moves is read to its end, and a
// sender that trickles is given up when a step is late.
func TestASenderOfAByteNowAndThenIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		bytes int
		pause time.Duration
		want  error
	}{
		{32 << 10, time.Second / 8, nil},
		{Step, timeout - time.Second, nil},
		{1, timeout - time.Second, os.ErrDeadlineExceeded},
		{1, time.Hour, os.ErrDeadlineExceeded},
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				defer far.Close()
				for rest := largest(); rest > 0; rest -= c.bytes {
					time.Sleep(c.pause) // of the bubble
					if _, err := far.Write(make([]byte, min(rest, c.bytes))); err != nil {
						return
					}
				}
			}()
			started := time.Now()
			n, err := io.Copy(io.Discard, NewReader(near, near.SetReadDeadline, timeout))
			if !errors.Is(err, c.want) || err == nil && n != int64(largest()) {
				t.Errorf("%d bytes in %v: read %d: %v", c.bytes, c.pause, n, err)
			}
			if err != nil && time.Since(started) != timeout {
				t.Errorf("given up after %v", time.Since(started))
			}
			_ = near.Close()
			<-ended
		})
	}
}

// A receiver that reads late does not cost the sender its time.
func TestTheTimeBetweenReadsDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { _, _ = far.Write(make([]byte, 8)) }()
		r := NewReader(near, near.SetReadDeadline, timeout)
		for n := range 8 {
			if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
				t.Fatalf("byte %d: %v", n, err)
			}
			time.Sleep(2 * timeout)
		}
	})
}
