package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pontoon-raft/pontoon/internal/ownership"
)

// ErrUnavailable: a request was refused because no record of it could be kept.
// Log.Begin returns it before the request is proposed.
var ErrUnavailable = errors.New("the audit cannot be kept")

// errStuck: the disk does not answer.
var errStuck = errors.New("the disk has not taken the last records yet")

// stuckAfter is how long a disk may take for all that waits.
const stuckAfter = 3 * time.Second

// A Log records the requests of one host. Its methods may be called from any
// goroutine, and on a nil *Log, which records nothing.
type Log struct {
	opts  Options
	queue *queue
	call  atomic.Uint64

	dropped atomic.Uint64
	head    atomic.Pointer[Position]
	failure atomic.Pointer[Failure]
	busy    atomic.Pointer[time.Time] // since when the disk is at work

	start sync.Once
	quit  chan struct{}
	once  sync.Once
	done  chan struct{}
}

// A Failure is why nothing is recorded now.
type Failure struct {
	Since time.Time
	Err   error
}

// New makes a log that records nothing until Start. With the level Off there is
// none: it returns nil.
func New(o Options) (*Log, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Level == Off {
		return nil, nil
	}
	l := &Log{opts: o, queue: newQueue(), quit: make(chan struct{}), done: make(chan struct{})}
	l.head.Store(&Position{})
	return l, nil
}

// Start begins to write. An error means that the directory or the key is not what
// it must be; a disk that fails does not make Start fail: the log tries again,
// and Failing tells of it.
func (l *Log) Start() error {
	if l == nil {
		return nil
	}
	w := &writer{log: l}
	if l.opts.KeyFile != "" {
		k, err := ReadKey(l.opts.KeyFile)
		if err != nil {
			return fmt.Errorf("audit.key_file: %w", err)
		}
		w.key = k
	}
	if l.opts.FS == nil {
		if err := ownership.CheckDir(l.opts.Dir); err != nil {
			return fmt.Errorf("audit.dir: %w", err)
		}
	}
	w.begin()
	l.start.Do(func() { go w.run() })
	return nil
}

// Close writes what waits, and ends. It does so once; a log that was not started
// has nothing to end.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.once.Do(func() {
		l.start.Do(func() { close(l.done) })
		close(l.quit)
	})
	<-l.done
}

// Wants tells whether requests of that kind are recorded.
func (l *Log) Wants(op Op) bool { return l != nil && l.opts.Level.wants(op) }

// Refuses tells whether a request is refused when its record cannot be kept.
func (l *Log) Refuses() bool { return l != nil && l.opts.OnFull == Refuse }

// NextCall numbers the calls of clients.
func (l *Log) NextCall() uint64 { return l.call.Add(1) }

// Begin comes before requests are proposed. If a request is to be refused whose
// record cannot be kept, it returns when the intents of all are written, and
// durable if that is what each record is to be; an error, which is ErrUnavailable,
// refuses all of them. Otherwise it does nothing. End must follow for each of them
// if it returns nil, and for none if not.
func (l *Log) Begin(ctx context.Context, requests []Record) error {
	if !l.Refuses() {
		return nil
	}
	if f := l.Failing(); f != nil {
		l.refuse(len(requests))
		return fmt.Errorf("%w: %w", ErrUnavailable, f.Err)
	}
	in := newIntent(requests)
	if !l.queue.intend(in.records) {
		l.refuse(len(requests))
		return fmt.Errorf("%w: %d records wait to be written, or for the outcome of their requests", ErrUnavailable, queueRecords)
	}
	if err := in.wait(ctx, l); err != nil {
		return err
	}
	for i := range requests {
		requests[i].of = in.numbers[i]
	}
	return nil
}

// End records what became of a request. It never waits: a record for which there
// is no room is counted.
func (l *Log) End(r Record) {
	r = r.bounded()
	r.time = time.Now()
	if r.of != 0 {
		l.queue.outcome(r)
		return
	}
	l.dropped.Add(uint64(l.queue.put(r)))
}

// refuse counts requests that were refused because no record could be kept.
func (l *Log) refuse(n int) {
	l.dropped.Add(uint64(n))
	l.queue.count(n)
}

// forget counts a record that had a place and cannot be written.
func (l *Log) forget(r *Record) {
	if r.Op == opDropped {
		l.queue.lacks(r.count, r.spared)
		return
	}
	l.dropped.Add(1)
	spared := uint64(0)
	if r.Outcome == NotApplied {
		spared = 1
	}
	l.queue.lacks(1, spared)
}

// Dropped counts the requests of which there is no record since the start.
func (l *Log) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load()
}

// Head is the last record that was written, with its sum.
func (l *Log) Head() Position {
	if l == nil {
		return Position{}
	}
	return *l.head.Load()
}

// Failing says why nothing can be recorded now; nil if that is not so.
func (l *Log) Failing() *Failure {
	if l == nil {
		return nil
	}
	if f := l.failure.Load(); f != nil {
		return f
	}
	if since := l.busy.Load(); since != nil && time.Since(*since) > stuckAfter {
		return &Failure{*since, errStuck}
	}
	return nil
}
