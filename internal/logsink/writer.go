package logsink

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// lostMessage is the line about lines that were dropped.
const lostMessage = "the log was not read fast enough: lines were dropped"

// run writes until the sink is closed and empty. It alone calls out.Write.
func (s *Sink) run() {
	defer close(s.done)
	for range s.wake {
		for s.writeHead() {
		}
		s.report()
		if s.finished() {
			return
		}
	}
}

// writeHead writes the oldest record, and tells whether there was one. The
// record stays in the queue meanwhile: it counts, and its age shows.
func (s *Sink) writeHead() bool {
	s.mu.Lock()
	if len(s.queue) == 0 {
		s.mu.Unlock()
		return false
	}
	head := s.queue[0]
	due := s.lost > 0 && head.number > s.lostAfter
	s.mu.Unlock()
	if due { // the report stands where the gap is
		s.report()
	}
	_, err := s.out.Write(head.record)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.drop()
	}
	s.pop()
	return true
}

// finished tells whether the sink is closed and has nothing left.
func (s *Sink) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed && len(s.queue) == 0
}

// report writes one line about what was dropped since the last one. It is
// called only by run, which may wait.
func (s *Sink) report() {
	s.mu.Lock()
	lost, since, notices := s.lost, s.lostSince, s.notices
	s.lost = 0
	s.mu.Unlock()
	if lost == 0 {
		return
	}
	var err error
	if notices == nil {
		_, err = fmt.Fprintf(s.out, "%s: %d since %s\n", lostMessage, lost, since.Format(time.RFC3339Nano))
	} else {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, lostMessage, 0)
		r.AddAttrs(slog.Uint64("lines", lost), slog.Time("since", since))
		err = notices.Handle(context.Background(), r)
	}
	if err != nil { // told at the next occasion
		s.mu.Lock()
		s.lost, s.lostSince = s.lost+lost, since
		s.mu.Unlock()
	}
}

// directWriter is the sink's writer without the queue, for its own goroutine.
type directWriter struct{ s *Sink }

// Write implements io.Writer.
func (d directWriter) Write(p []byte) (int, error) { return d.s.out.Write(p) }
