package catalog

import (
	"fmt"
	"sync"
	"time"
)

// The most lines that a slot keeps of what its plugin wrote, and their most bytes.
const (
	keptLines = 1000
	keptBytes = 256 << 10
)

// hostStream is the stream of what the host says among a plugin's lines.
const hostStream = "host"

// A Line is one that a plugin has written.
type Line struct {
	// Number counts the lines of a slot from 1.
	Number uint64
	Time   time.Time
	PID    int
	// Stream is stderr or stdout, or host for a word of the host about lines left out.
	Stream string
	Text   string
}

// lineRing keeps the last lines of a plugin over all its lives. The zero value is ready
// to use.
type lineRing struct {
	mu    sync.Mutex
	lines []Line // the newest last
	bytes int
	last  uint64
}

func (r *lineRing) add(pid int, stream, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.lines = append(r.lines, Line{Number: r.last, Time: time.Now(), PID: pid, Stream: stream, Text: text})
	r.bytes += len(text)
	gone := 0
	for len(r.lines)-gone > keptLines || r.bytes > keptBytes {
		r.bytes -= len(r.lines[gone].Text)
		r.lines[gone] = Line{}
		gone++
	}
	r.lines = r.lines[gone:] // append makes a new array when this one is used up
}

// leftOut says among the lines that the plugin wrote more than is kept or logged.
func (r *lineRing) leftOut(pid, lines, size int) {
	r.add(pid, hostStream, fmt.Sprintf("plugin writes too much: %d lines of %d bytes were left out", lines, size))
}

// after returns at most so many of the newest lines with greater numbers; 0 means all.
func (r *lineRing) after(number uint64, most int) []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	for len(lines) > 0 && lines[0].Number <= number {
		lines = lines[1:]
	}
	if most > 0 && len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return append([]Line(nil), lines...)
}

// Lines returns at most so many of the newest lines that the slot's plugin has written,
// with numbers after the given one; 0 means all that are kept. They are numbered since
// the time that it also returns. A backend inside the host writes none: it logs with the
// host.
func (s *Slot) Lines(after uint64, most int) ([]Line, time.Time) {
	return s.lines.after(after, most), s.made
}
