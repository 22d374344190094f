package kv

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// A watch that breaks off is asked for anew at once. One that breaks off again, and has
	// neither shown an event nor lasted for steady, waits first: longer each time, up to
	// longestWait, give or take a quarter.
	steady       = time.Second
	shortestWait = 10 * time.Millisecond
	longestWait  = time.Second
	// A watch may break off mostBeginnings times before its first update.
	mostBeginnings = 5
)

var (
	// errEnded: an answer that goes on had an end.
	errEnded = errors.New("the watch ended without a reason")
	// errNameless: a member does not say of which history its answer is.
	errNameless = errors.New("the member does not say of which history its revisions are")
)

// A Watcher watches a range. Its methods are for one goroutine; Close may be called from
// any.
type Watcher struct {
	ctx    context.Context
	cancel context.CancelFunc
	client *client.Client
	opts   WatchOptions

	chunks  *client.Chunks // nil: to be asked for
	updates Updates
	history string // that updates.Next is of
	ready   []Update
	begun   bool // there was an update
	shown   bool // the answer under way has had an update
	opened  time.Time
	breaks  int // one after the other, with nothing between
	err     error
}

// Watch watches a range from a revision on: each change of its keys, in order, without a
// gap, each once. It goes on by itself, on another member if need be, when the member that
// answers, its state machine or the connection ends. It sends nothing before Next is
// called. Close must be called, or ctx must end.
func Watch(ctx context.Context, c *client.Client, o WatchOptions) *Watcher {
	w := &Watcher{client: c, opts: o, updates: Updates{Next: o.From}, history: o.History}
	w.ctx, w.cancel = context.WithCancel(ctx)
	return w
}

// Next waits for the next update. A client that has to go on after its own end keeps the
// Revision of the last one, and the History, with what it made of it, and watches from the revision after it.
//
// Errors are for good. A *WatchError says that events were missed, are of the future, or of another history. Before
// the first update any error of client.Follow ends the watch, and so does an answer that
// breaks off again and again; later those alone that
// another try meets again: a refusal of this client or of the query, and the end of the
// context or the client. All others are told to WatchOptions.Interrupted, also that the token
// with which the watch was asked for has ended: it is asked for with the client's present one.
//
// While a member is cut off from the others, a watch that it answers goes on with marks of
// the revision that the member has.
func (w *Watcher) Next() (Update, error) {
	for len(w.ready) == 0 {
		if w.err != nil {
			return Update{}, w.err
		}
		if err := w.read(); err != nil {
			w.broken(err)
		}
	}
	u := w.ready[0]
	w.ready = w.ready[1:]
	return u, nil
}

// read takes the next chunk, of an answer that is asked for if there is none.
func (w *Watcher) read() error {
	if w.chunks == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	chunk, err := w.chunks.Next()
	if err == nil {
		w.ready, err = w.updates.Add(chunk)
		for _, u := range w.ready {
			w.begun, w.shown = true, true
			if len(u.Events) > 0 {
				w.breaks = 0
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = errEnded
	}
	return err
}

func (w *Watcher) open() error {
	o := w.opts
	o.From = w.updates.Next
	chunks, err := w.client.Follow(w.ctx, EncodeWatch(o), client.Linearizable)
	if err != nil {
		return err
	}
	w.chunks, w.updates.rest, w.opened, w.shown = chunks, nil, time.Now(), false
	return w.settle(chunks.History())
}

// settle holds the history of an answer against the one that the watch goes on in.
func (w *Watcher) settle(found string) error {
	switch {
	case found == w.history:
	case w.history == "" || w.updates.Next == 0: // the watch has no place yet
		w.history = found
	case found == "":
		return errNameless
	default:
		return &WatchError{Err: ErrOtherHistory, Next: w.updates.Next, Wanted: w.history, Found: found}
	}
	return nil
}

// History is the name of the history that the revisions of the updates are of; empty before the
// first one. A client that keeps a Revision keeps it too, for WatchOptions.History.
func (w *Watcher) History() string { return w.history }

// broken ends the watch, or has it asked for anew after a while.
func (w *Watcher) broken(err error) {
	if w.ctx.Err() != nil || final(err) && !w.outlived(err) || !w.begun && (w.chunks == nil || w.breaks == mostBeginnings) {
		w.err = err
		w.cancel()
	}
	lasted := w.begun && w.chunks != nil && time.Since(w.opened) >= steady
	if w.chunks != nil {
		w.chunks.Close()
		w.chunks = nil
	}
	if w.err != nil {
		return
	}
	if w.opts.Interrupted != nil {
		w.opts.Interrupted(err)
	}
	if lasted {
		w.breaks = 0
	}
	if w.breaks++; w.breaks > 1 {
		w.pause()
	}
}

// final tells whether another try would meet the same.
func final(err error) bool {
	return !errors.Is(err, errEnded) && !errors.Is(err, errNameless) && (client.Reason(err) == "" || client.IsFinal(err))
}

// outlived tells whether the answer went on for longer than the token that it began with. The
// client may have another one by now; if not, the next try is refused before its first update.
func (w *Watcher) outlived(err error) bool {
	return w.shown && client.Reason(err) == client.ReasonUnauthenticated
}

// pause waits before the next try.
func (w *Watcher) pause() {
	wait := min(shortestWait<<min(w.breaks, 10), longestWait)
	wait += time.Duration((rand.Float64() - 0.5) / 2 * float64(wait))
	pause.For(w.ctx, wait)
}

// Close ends the watch. Close twice is harmless.
func (w *Watcher) Close() { w.cancel() }
