package core

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/owntime"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/repeats"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// ports hands the raft goroutine's output to those who do the work.
type ports struct{ g *generation }

var _ node.Ports = ports{}

func (p ports) Append(a node.Append)                     { p.g.pump.push(a) }
func (p ports) Apply(a node.Apply)                       { p.g.h.server.Apply(a) }
func (p ports) Send(envelopes []transport.Envelope)      { p.g.h.courier.Send(envelopes) }
func (p ports) SendSnapshot(s node.SnapshotSend)         { p.g.startSnapshot(s) }
func (p ports) SnapshotWanted()                          { p.g.h.server.SnapshotWanted() }
func (p ports) Fetch(f node.Fetch)                       { p.g.wg.Go(func() { p.g.fetch(f) }) }
func (p ports) Read(r node.Read)                         { p.g.h.server.Read(r) }
func (p ports) Rejected(ids []node.RequestID, err error) { p.g.h.server.Rejected(ids, err) }
func (p ports) Unanswered(ids []node.RequestID)          { p.g.h.server.Unanswered(ids) }
func (p ports) StateChanged(st node.State)               { p.g.h.stateChanged(st) }

// appendPump carries batches to the storage plugin and acknowledgements back.
// The batches in flight are bounded by raft and by the node's back-pressure.
type appendPump struct {
	g    *generation
	wake chan struct{}
	slow repeats.Line // of syncs that took slowSync or more

	mu      sync.Mutex
	waiting []node.Append
	sent    []sentBatch // and not acknowledged
	bytes   uint64      // of the entries in sent
	oldest  time.Time
	before  time.Time // of the last acknowledgement
	closed  bool
	settled chan struct{} // signalled when sent becomes empty
	ended   chan struct{} // closed when nothing is sent any more and all is acknowledged, or never will be
}

// sentBatch is a batch that the storage plugin has: its number, of which raft
// hears, or 0, and its last index, or 0.
type sentBatch struct {
	number, last uint64
	bytes        uint64
	at           time.Time
}

func newAppendPump(g *generation) *appendPump {
	return &appendPump{g: g, wake: make(chan struct{}, 1), settled: make(chan struct{}, 1), ended: make(chan struct{})}
}

// push queues a batch.
func (p *appendPump) push(a node.Append) {
	p.mu.Lock()
	p.waiting = append(p.waiting, a)
	p.mu.Unlock()
	wake.Up(p.wake)
}

func (p *appendPump) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	wake.Up(p.wake)
}

// take returns what waits.
func (p *appendPump) take() (batches []node.Append, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	batches, p.waiting = p.waiting, nil
	return batches, p.closed
}

// run sends batches until the pump is closed or the storage fails.
func (p *appendPump) run() {
	defer close(p.ended)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	appender, err := p.open(ctx, cancel)
	if err != nil {
		p.g.fail(fmt.Errorf("open append stream: %w", err))
		return
	}
	p.g.wg.Go(func() { p.receive(appender) })
	p.g.wg.Go(p.watch)
	for {
		batches, closed := p.take()
		for i := range batches {
			if err := p.send(ctx, appender, &batches[i]); err != nil {
				p.g.fail(p.whyBroken(err))
				return
			}
		}
		if closed {
			p.wait(p.isSettled)
			_ = appender.Close() // nothing is in flight or the stream is broken
			return
		}
		select {
		case <-p.wake:
		case <-p.g.failing.Done():
			return
		}
	}
}

// open opens the stream of batches, which ends with ctx. A storage that does not take it is
// as one that does not answer an append: no watch sees that before there is a batch.
func (p *appendPump) open(ctx context.Context, cancel context.CancelCauseFunc) (storage.Appender, error) {
	limit := patience.Append(p.g.h.cfg.Election)
	late := time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("storage(%s) has not taken it for %v: %w", p.g.instance.Info().Name, limit, catalog.ErrHung))
	})
	defer late.Stop()
	defer context.AfterFunc(p.g.failing, func() { cancel(nil) })()
	appender, err := storage.OpenAppender(ctx, p.g.storage)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, catalog.ErrHung) {
		return nil, cause
	}
	return appender, err
}

// send hands one batch to the plugin; a snapshot is installed first, when
// nothing else is in flight.
func (p *appendPump) send(ctx context.Context, appender storage.Appender, a *node.Append) error {
	if a.Install != nil {
		if err := p.install(ctx, a); err != nil {
			return err
		}
		if len(a.Batch.Entries) == 0 {
			p.g.node.AppendDone(a.Number)
			return nil
		}
	}
	parts := batchParts(a.Batch, p.g.h.cfg.Limits.BatchBytes())
	for i, part := range parts {
		var number uint64 // raft hears of the last part only
		if i == len(parts)-1 {
			number = a.Number
		}
		batch := sentBatch{number: number}
		for i := range part.Entries {
			batch.last, batch.bytes = part.Entries[i].Index, batch.bytes+uint64(len(part.Entries[i].Data))
		}
		p.sending(batch)
		if err := appender.Send(part); err != nil {
			return fmt.Errorf("append %s: %w", indexes(part.Entries), err)
		}
	}
	return nil
}

// whyBroken is why a batch could not be sent: a stream that has ended says so
// only to receive, which fails the generation when the catalog has told it how the
// plugin ended.
func (p *appendPump) whyBroken(err error) error {
	if errors.Is(err, plugins.ErrClosed) {
		pause.Until(p.g.failing.Done(), max(p.g.h.cfg.Election, brokenGrace))
	}
	return err
}

// brokenGrace is longer than the catalog takes to say how a plugin ended whose stream broke.
const brokenGrace = 2 * time.Second

// sending notes a batch before it is sent.
func (p *appendPump) sending(b sentBatch) {
	b.at = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) == 0 {
		p.oldest = b.at
	}
	p.sent, p.bytes = append(p.sent, b), p.bytes+b.bytes
}

// install makes a received snapshot the start of the log and queues its
// restore, before raft hears of it: every later apply comes after it.
func (p *appendPump) install(ctx context.Context, a *node.Append) error {
	p.wait(p.isSettled)
	ctx, cancel := context.WithTimeout(ctx, patience.Append(p.g.h.cfg.Election))
	defer cancel()
	begun := time.Now()
	if err := p.g.storage.InstallSnapshot(ctx, a.Install.Index, a.Batch.HardState); err != nil {
		return fmt.Errorf("install snapshot %d: %w", a.Install.Index, err)
	}
	p.g.h.server.Timings().SnapshotInstalled(time.Since(begun))
	p.g.h.logger.Info("snapshot installed", "event", events.Snapshot, "index", a.Install.Index, "term", a.Install.Term)
	p.g.h.server.Restore(*a.Install)
	p.g.stored(a.Install.Index)
	return nil
}

// receive takes acknowledgements.
func (p *appendPump) receive(appender storage.Appender) {
	var acked uint64
	timed, _ := appender.(storage.Timed)
	for {
		durable, err := appender.Recv()
		if err != nil {
			if _, closed := p.take(); !closed || !p.isSettled() {
				p.g.fail(fmt.Errorf("append: %w", err))
			}
			return
		}
		p.mu.Lock()
		n := durable - acked
		if durable < acked || n > uint64(len(p.sent)) {
			p.mu.Unlock()
			p.g.fail(fmt.Errorf("append: storage acknowledged batch %d of %d", durable, acked))
			return
		}
		now := time.Now()
		var done sentBatch
		for _, b := range p.sent[:n] {
			done.number, done.last, done.at = max(done.number, b.number), max(done.last, b.last), b.at
			p.bytes -= b.bytes
		}
		took := p.answered(done.at, now)
		p.sent = p.sent[n:]
		p.oldest, p.before = now, now
		empty := len(p.sent) == 0
		p.mu.Unlock()
		acked = durable
		p.observe(timed, took)
		p.g.node.AppendDone(done.number)
		p.g.stored(done.last)
		if empty {
			wake.Up(p.settled)
		}
	}
}

// stored notes that the log is durable up to index. Only what no life of the
// plugin had stored before is progress: one that fails at the same entry again
// and again makes none.
func (g *generation) stored(index uint64) {
	if most := g.h.stored.Load(); index > most && g.h.stored.CompareAndSwap(most, index) {
		g.instance.Progressed()
	}
}

func (p *appendPump) isSettled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sent) == 0
}

// wait returns when the condition holds or the generation has failed.
func (p *appendPump) wait(condition func() bool) {
	for !condition() {
		select {
		case <-p.settled:
		case <-p.g.failing.Done():
			return
		}
	}
}

// watch fails the generation when an append is unanswered for too long, while
// this host was there to hear the answer.
func (p *appendPump) watch() {
	limit := patience.Append(p.g.h.cfg.Election)
	age := owntime.NewAge(p.g.h.cfg.Election)
	for !pause.Until(p.g.working.Done(), p.g.h.cfg.Election) {
		if age.Own(p.stalled()) > limit {
			p.g.fail(fmt.Errorf("storage(%s) has not answered an append for %v: %w", p.g.instance.Info().Name, limit, catalog.ErrHung))
			return
		}
	}
}

// stalled is how long the storage has left an append unanswered; 0 if there is
// none.
func (p *appendPump) stalled() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sent) == 0 {
		return 0
	}
	return time.Since(p.oldest)
}

// fetch reads entries for a follower that is behind the memory.
func (g *generation) fetch(f node.Fetch) {
	ctx, cancel := context.WithTimeout(context.Background(), catalog.CallTimeout(g.h.cfg.Election))
	defer cancel()
	var entries []storage.Entry
	var size uint64
	compacted := false
	for lo := f.Lo; lo < f.Hi && size < f.MaxBytes; {
		part, err := g.storage.Read(ctx, lo, f.Hi, min(f.MaxBytes-size, g.h.cfg.Limits.BatchBytes()))
		if err != nil || len(part) == 0 {
			if compacted = errors.Is(err, storage.ErrCompacted) && lo == f.Lo; !compacted {
				g.h.logger.Warn("entries for a slow peer could not be read", "from", lo, "to", f.Hi-1, "error", err)
			}
			break
		}
		for i := range part {
			size += uint64(len(part[i].Data))
		}
		entries = append(entries, part...)
		lo += uint64(len(part))
	}
	g.node.Do(func(c *node.Core) error {
		if compacted {
			c.FetchCompacted(f.Lo)
		} else {
			c.Fetched(entries)
		}
		return nil
	})
}

// stateChanged passes on what raft says of itself and of the membership.
func (h *Host) stateChanged(st node.State) {
	h.server.StateChanged(st)
	if st.LostData != nil {
		h.identity.lostData(st.LostData)
	}
	h.identity.learned(st.Registry, st.PutOut)
	h.tellPeers()
	h.courier.Follow(st.Leader)
	if proof, removed := st.Registry.WasRemoved(h.cfg.self()); removed {
		h.removal.Store(&proof)
		// Stay, so that the others learn of the commit too. If this was the
		// leader and its last message was lost, they must elect another first,
		// and of two that takes this one's vote: at most two election timeouts. A peer
		// that says so first has learned it; see toldRemoved.
		time.AfterFunc(3*h.cfg.Election, func() { h.removed(proof.Index, proof.Term) })
	}
}

// indexes prints the range of entries for messages.
func indexes(entries []storage.Entry) string {
	if len(entries) == 0 {
		return "hard state"
	}
	return fmt.Sprintf("entries [%d,%d]", entries[0].Index, entries[len(entries)-1].Index)
}
