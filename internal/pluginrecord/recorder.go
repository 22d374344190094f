package pluginrecord

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

const (
	// queueBytes is what waits for the disk at most, but for a single message that is larger.
	queueBytes = 16 << 20
	// retryAfter is the pause before the next try after the disk has failed, which doubles up to
	// maxRetryAfter, since each try makes a file. sayAfter is the pause between lines of the log
	// about gaps.
	retryAfter    = 10 * time.Second
	maxRetryAfter = 10 * time.Minute
	sayAfter      = time.Minute
	// closeTimeout is how long a host that stops waits for the disk.
	closeTimeout = 2 * time.Second
)

// A Recorder writes the record of one plugin, over all its lives. Its methods may be called
// concurrently, and none but Close waits for the disk.
type Recorder struct {
	options Options
	of      Of
	series  uint64

	wake       chan struct{}
	quit, done chan struct{}
	closing    sync.Once

	mu       sync.Mutex
	queue    []item
	queued   int64 // bytes that are not written yet
	filled   int64 // bytes of the file, once the queue is written
	lives    uint64
	calls    uint64
	open     openThings
	lost     uint64 // events since the last one that was queued
	renew    bool   // the next event begins a file
	broken   error  // why the disk is not written to until retry
	retry    time.Time
	pause    time.Duration // after the next failure
	saidGap  time.Time
	saidFail bool
	closed   bool
	written  uint64
	gaps     uint64
}

// An item of the queue is an event, or the beginning of the next file.
type item struct {
	Event
	renew bool
}

// Stats are figures of a record.
type Stats struct {
	Path string
	// Bytes were written since the host started, and Gaps is how often something was left out.
	Bytes, Gaps uint64
	// Failure says why the record is not written at the moment; empty if it is.
	Failure string
}

// New returns a recorder, which writes nothing before there is a life.
func New(options Options, of Of) *Recorder {
	r := newRecorder(options, of)
	r.of.Logger.Warn("what this host and its plugin say to each other is recorded, with the data of the application",
		"kind", string(of.Kind), "file", options.Path)
	go r.run()
	return r
}

func newRecorder(options Options, of Of) *Recorder {
	of.Logger = cmp.Or(of.Logger, slog.Default())
	return &Recorder{
		options: options.WithDefaults(), of: of, series: randomNumber(), renew: true,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
		open: newOpenThings(), pause: retryAfter,
	}
}

func randomNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, binary.LittleEndian.Uint64(b[:]))
}

// Stats returns the figures of this moment.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Path: r.options.Path, Bytes: r.written, Gaps: r.gaps}
	if r.broken != nil {
		s.Failure = r.broken.Error()
	}
	return s
}

// Close ends the record. A disk that has failed is tried once more, so that the record has a gap for
// all that was left out. Close waits for a disk that does not answer for a moment only.
func (r *Recorder) Close() {
	r.closing.Do(func() {
		r.put(Event{Kind: End}, false)
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		close(r.quit)
	})
	if !pause.Until(r.done, closeTimeout) {
		r.of.Logger.Warn("the record of a plugin is left without its end: its disk does not answer", "file", r.options.Path)
	}
}

// put adds an event, or counts it as lost. A file may end before an anchor, with which a replay can
// begin.
func (r *Recorder) put(e Event, anchor bool) {
	e.Time = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	size := e.size()
	if e.Kind == End {
		r.retry = e.Time
	} else if r.queued > 0 && r.queued+size > queueBytes {
		if r.loseLocked(1) {
			r.sayGapLocked(e.Time)
		}
		r.open.note(&e)
		return
	}
	if r.broken != nil && e.Time.Before(r.retry) {
		r.loseLocked(1)
		r.open.note(&e)
		return
	}
	r.broken = nil
	if r.renew || r.filled+size > r.options.MaxFileBytes || anchor && r.filled > r.options.MaxFileBytes/2 {
		r.renew, r.filled = false, 0
		r.queue = append(r.queue, item{renew: true})
		r.resumeLocked(e.Time)
	} else if r.lost > 0 {
		r.resumeLocked(e.Time)
	}
	r.addLocked(e)
	r.open.note(&e)
	wake.Up(r.wake)
}

// resumeLocked says what is missing, and what goes on.
func (r *Recorder) resumeLocked(now time.Time) {
	if r.lost > 0 {
		r.addLocked(Event{Kind: Gap, Time: now, Count: r.lost})
		r.lost = 0
	}
	for _, e := range r.open.events() {
		r.addLocked(e)
	}
}

func (r *Recorder) addLocked(e Event) {
	size := e.size()
	r.queued += size
	r.filled += size
	r.queue = append(r.queue, item{Event: e})
}

// loseLocked counts events that are left out, and reports whether a gap begins.
func (r *Recorder) loseLocked(n uint64) (begins bool) {
	if begins = r.lost == 0; begins {
		r.gaps++
	}
	r.lost += n
	return begins
}

func (r *Recorder) sayGapLocked(now time.Time) {
	if now.Sub(r.saidGap) < sayAfter {
		return
	}
	r.saidGap = now
	r.of.Logger.Warn("the record of a plugin has a gap: its disk is slower than the plugin, and a replay ends there",
		"kind", string(r.of.Kind), "file", r.options.Path)
}

// nextCall numbers a call.
func (r *Recorder) nextCall() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	return r.calls
}

// take returns what waits.
func (r *Recorder) take() []item {
	r.mu.Lock()
	defer r.mu.Unlock()
	items := r.queue
	r.queue = nil
	return items
}

// wrote notes how writing went: items were taken, and that many bytes are in the files. After a failure
// what waits is lost too: an event that came after a gap must not stand before it.
func (r *Recorder) wrote(items []item, bytes uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	missing := r.goneLocked(items)
	r.written += bytes
	if err == nil {
		if len(items) > 0 {
			r.pause = retryAfter
		}
		if r.saidFail && len(items) > 0 {
			r.saidFail = false
			r.of.Logger.Info("the record of a plugin is written again", "kind", string(r.of.Kind), "file", r.options.Path)
		}
		return
	}
	r.loseLocked(missing + r.goneLocked(r.queue))
	r.queue, r.broken, r.renew = nil, err, true
	r.retry = time.Now().Add(r.pause)
	r.pause = min(2*r.pause, maxRetryAfter)
	if !r.saidFail {
		r.saidFail = true
		r.of.Logger.Error("the record of a plugin cannot be written: it is left out until it can, and the plugin goes on",
			"kind", string(r.of.Kind), "file", r.options.Path, "error", err)
	}
}

// goneLocked takes items out of the account of what waits, and counts the events that are missing without
// them. A gap stands for its own, and what goes on is told again.
func (r *Recorder) goneLocked(items []item) (events uint64) {
	for i := range items {
		e := &items[i]
		if e.renew {
			continue
		}
		r.queued -= e.size()
		switch {
		case e.Kind == Gap:
			events += e.Count
		case !e.Continued:
			events++
		}
	}
	return events
}
