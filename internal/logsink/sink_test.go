package logsink_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/logsink"
)

// reader is a writer whose reader a test lets read. It begins not to.
type reader struct {
	reads chan struct{} // closed when everything is read from now on
	mu    sync.Mutex
	got   bytes.Buffer
	err   error
}

func newReader() *reader { return &reader{reads: make(chan struct{})} }

func (r *reader) Write(p []byte) (int, error) {
	<-r.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	return r.got.Write(p)
}

func (r *reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *reader) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got.String()
}

func text(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }

// A logger goes on at once, however much it logs and whether or not the log is
// read; the lines that are kept are bounded in bytes and in number.
func TestALogThatIsNotReadKeepsNobodyWaiting(t *testing.T) {
	for name, line := range map[string]string{
		"bounded in records": "x\n",
		"bounded in bytes":   strings.Repeat("x", 10<<10) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReader()
				s := logsink.New(r)
				for range 10 * logsink.MaxRecords {
					if n, err := s.Write([]byte(line)); n != len(line) || err != nil {
						t.Fatalf("write: %d, %v", n, err)
					}
				}
				kept := 10*logsink.MaxRecords - int(s.Dropped())
				if kept == 0 || kept > logsink.MaxRecords || kept*len(line) > logsink.MaxBytes {
					t.Errorf("%d lines of %d bytes are kept", kept, len(line))
				}
				close(r.reads)
				if !s.Close(time.Minute) {
					t.Error("not everything was written")
				}
				if got := strings.Count(r.text(), line); got != kept {
					t.Errorf("%d lines were written, %d were kept", got, kept)
				}
			})
		})
	}
}

// The newest lines are dropped; when the log is read again, one line in its
// own form says how many were dropped and since when, where they are missing.
func TestWhatWasDroppedIsSaidOnceWhereItIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		s := logsink.New(r)
		logger := slog.New(s.Handler(text))
		since := time.Now()
		for i := range logsink.MaxRecords + 100 {
			logger.Info("line", "number", i)
		}
		dropped := s.Dropped()
		if dropped < 100 {
			t.Fatalf("%d dropped", dropped)
		}
		time.Sleep(time.Second) // of the bubble's clock
		close(r.reads)
		synctest.Wait()
		logger.Info("again")
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(r.text()), "\n")
		last, notice := lines[len(lines)-1], lines[len(lines)-2]
		want := fmt.Sprintf("lines=%d since=%s", dropped, since.Format("2006-01-02T15:04:05.000Z07:00"))
		if !strings.Contains(notice, "level=WARN") || !strings.Contains(notice, want) {
			t.Errorf("got %q, want a warning with %q", notice, want)
		}
		if !strings.HasSuffix(last, "msg=again") {
			t.Errorf("the last line is %q", last)
		}
		if n := strings.Count(r.text(), "lines were dropped"); n != 1 {
			t.Errorf("said %d times", n)
		}
		if !strings.HasSuffix(lines[len(lines)-3], fmt.Sprintf("number=%d", len(lines)-3)) {
			t.Errorf("before the gap stands %q as line %d: not the newest were dropped", lines[len(lines)-3], len(lines)-3)
		}
		s.Close(time.Minute)
	})
}

// For how long the log has not been read is known at any time.
func TestStuckIsTheAgeOfTheOldestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		s := logsink.New(r)
		time.Sleep(time.Hour)
		if got := s.Stuck(); got != 0 {
			t.Errorf("stuck for %v with nothing to write", got)
		}
		io.WriteString(s, "one\n")
		synctest.Wait()
		time.Sleep(3 * time.Second)
		io.WriteString(s, "two\n")
		time.Sleep(4 * time.Second)
		if got := s.Stuck(); got != 7*time.Second {
			t.Errorf("stuck for %v, want 7s", got)
		}
		close(r.reads)
		synctest.Wait()
		if got := s.Stuck(); got != 0 {
			t.Errorf("stuck for %v after everything was read", got)
		}
		s.Close(time.Minute)
	})
}

// The end waits for what is not written yet, but not for ever.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		s := logsink.New(r)
		io.WriteString(s, "line\n")
		began := time.Now()
		if s.Close(time.Second) {
			t.Error("a line that nobody reads counts as written")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		io.WriteString(s, "late\n")
		if s.Dropped() != 1 {
			t.Errorf("%d dropped after the end, want 1", s.Dropped())
		}
		close(r.reads)
	})
}

// A Sink does not wait for a reader that is gone; lines that it did not get
// count, and the next one is told.
func TestFailedWritesCountAsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		close(r.reads)
		r.fail(errors.New("broken pipe"))
		s := logsink.New(r)
		io.WriteString(s, "lost\n")
		synctest.Wait()
		if s.Dropped() != 1 || s.Stuck() != 0 {
			t.Errorf("%d dropped, stuck for %v", s.Dropped(), s.Stuck())
		}
		r.fail(nil)
		io.WriteString(s, "found\n")
		synctest.Wait()
		if got := r.text(); !strings.Contains(got, "lines were dropped: 1 since ") || !strings.HasSuffix(got, "found\n") {
			t.Errorf("written: %q", got)
		}
		s.Close(time.Minute)
	})
}

// A line is what it was when it was logged, though its reader is slow and the
// handlers of slog use the same bytes for their next line.
func TestALineThatWaitsIsNotWrittenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReader()
		s := logsink.New(r)
		line := []byte("first\n")
		for _, next := range []string{"first\n", "other\n", "third\n"} {
			copy(line, next)
			if n, err := s.Write(line); n != len(line) || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
		}
		copy(line, "xxxxx\n")
		close(r.reads)
		if !s.Close(time.Second) {
			t.Fatal("not everything was written")
		}
		if got := r.text(); got != "first\nother\nthird\n" {
			t.Errorf("got %q", got)
		}
	})
}
