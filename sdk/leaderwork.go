package sdk

import (
	"context"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// LeaderWork is the goroutine of work that one member alone does, the one that leads:
// sending what is due, say. A backend that embeds one is a plugins.LeadershipWatcher.
//
// The nil LeaderWork of a backend that is not open does nothing.
//
// What a backend is told of the leader is an observation, and so is what it does by it: see
// plugins.LeadershipWatcher for where the term is to be carried.
type LeaderWork struct {
	do    func(ctx context.Context, term uint64)
	every time.Duration
	life  context.Context
	end   context.CancelFunc
	awake chan struct{} // has a token when there may be something to do
	ended chan struct{}

	mu     sync.Mutex
	term   uint64          // in which this member leads and is ready; 0 while it does not
	reign  context.Context // ends with that
	depose context.CancelFunc
}

// StartLeaderWork has do called while this member leads, is ready and is not handing
// leadership over: when that begins, after each Wake, and so often. Calls come one after the
// other, with the term. The context ends when the member does not lead in that term any
// more, and with Stop. It is for Open, which the notices follow.
func StartLeaderWork(every time.Duration, do func(ctx context.Context, term uint64)) *LeaderWork {
	w := &LeaderWork{do: do, every: every, awake: make(chan struct{}, 1), ended: make(chan struct{})}
	w.life, w.end = context.WithCancel(context.Background())
	w.reign, w.depose = context.WithCancel(w.life)
	go w.run()
	return w
}

// SetLeadership implements plugins.LeadershipWatcher. It returns at once, whatever do is
// doing.
func (w *LeaderWork) SetLeadership(l plugins.Leadership) {
	if w == nil {
		return
	}
	term := uint64(0)
	if l.Leads && l.Ready && !l.Transferring {
		term = l.Term
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if term == w.term {
		return
	}
	w.depose()
	w.term = term
	w.reign, w.depose = context.WithCancel(w.life)
	w.Wake()
}

// Wake says that there may be something to do, as after an Apply. It returns at once; words
// that come while do is at work are one.
func (w *LeaderWork) Wake() {
	if w == nil {
		return
	}
	select {
	case w.awake <- struct{}{}:
	default:
	}
}

// Stop ends the context of do and waits for it. Stop twice is harmless.
func (w *LeaderWork) Stop() {
	if w == nil {
		return
	}
	w.end()
	<-w.ended
}

func (w *LeaderWork) run() {
	defer close(w.ended)
	again := time.NewTicker(w.every)
	defer again.Stop()
	for w.life.Err() == nil {
		w.mu.Lock()
		ctx, term := w.reign, w.term
		w.mu.Unlock()
		if term > 0 {
			w.do(ctx, term)
		}
		select {
		case <-w.life.Done():
		case <-w.awake:
		case <-again.C:
		}
	}
}
