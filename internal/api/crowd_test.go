package api

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
)

// pauses returns the wait of a stream that brings so many messages at once, each with
// so many refusals, while so many streams wait.
func pauses(messages, refused int, streams int64) (sum time.Duration) {
	var b brake
	now := time.Unix(1, 0)
	for range messages {
		d := b.press(now, refused, streams)
		now, sum = now.Add(d), sum+d
	}
	return sum
}

// A stream that brings nothing but refusals is read slowly, whether they come one by
// one or many at once, and the more slowly the more streams do so.
func TestAStreamOfRefusalsIsReadSlowly(t *testing.T) {
	if got, want := pauses(1000, 1, 1), 100*time.Millisecond; got < want {
		t.Errorf("a thousand refusals: %v, want %v", got, want)
	}
	if got, want := pauses(100, 1000, 1), time.Second; got < want {
		t.Errorf("a hundred times a thousand: %v, want %v", got, want)
	}
	if one, ten := pauses(1000, 1, 1), pauses(1000, 1, 10); ten < 9*one {
		t.Errorf("one of ten streams waits for %v, one alone for %v", ten, one)
	}
	if got := pauses(1, 1<<20, 1<<10); got != longestPause {
		t.Errorf("a pause of %v, the longest is %v", got, longestPause)
	}
}

// emptyBatches is a stream that brings so many messages without a proposal.
type emptyBatches struct {
	grpc.ServerStream
	left int
}

func (s *emptyBatches) RecvMsg(any) error {
	if s.left--; s.left < 0 {
		return io.EOF
	}
	return nil
}

// A stream that brings messages without a proposal, of which thousands fit into a frame,
// is read as slowly as one of refusals.
func TestAStreamOfEmptyBatchesIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limitedStream(t)
		s.stream, s.room.L = &emptyBatches{left: 1000}, &s.mu
		begun := time.Now()
		s.read()
		if took, want := time.Since(begun), 1000*messagePause; took < want {
			t.Errorf("a thousand are read in %v, want %v", took, want)
		}
	})
}

// A stream on which one message of five hundred a second is refused does not wait.
func TestAStreamWithARefusalNowAndThenIsReadOn(t *testing.T) {
	var b brake
	now := time.Unix(1, 0)
	for range 1000 {
		if d := b.press(now, 1, 1); d > 0 {
			t.Fatalf("it waits for %v", d)
		}
		now = now.Add(2 * time.Millisecond)
	}
}
