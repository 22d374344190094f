package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// logPatience is how long a stop waits for a log that is not read, if its budget allows.
const logPatience = time.Second

// Stop ends the host in the order of law 5: the owner of a lock stops last.
//
//  1. New requests are refused; leadership is handed over.
//  2. Requests in flight are answered, or fail.
//  3. The raft goroutine ends, and is waited for. It puts out the commit index.
//  4. State machine, transports and storage are closed, in this order, each
//     through its contract, and their processes end. The lock is free. A state machine
//     that is durable syncs first.
//  5. The server goroutine ends.
//
// It may be called at any time, more than once, and before or during Start. It
// returns when nothing is left, or with ErrForced when ctx has ended, or stopBudget
// is used up, and something would not: the error names each that would not.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	started := h.started
	h.stopped = true
	h.mu.Unlock()
	h.stopOnce.Do(func() {
		end := time.Now().Add(stopBudget)
		if started {
			h.stopErr = h.stop(ctx)
		} else {
			h.fail(nil)
			h.stopErr = h.catalog.Close()
		}
		if h.relay != nil {
			h.relay.Flush(min(logPatience, max(time.Until(end), leastShare)))
		}
		close(h.done)
	})
	<-h.done
	return h.stopErr
}

func (h *Host) stop(ctx context.Context) error {
	h.logger.Info("stopping")
	ctx, cancel := context.WithTimeout(ctx, stopBudget)
	defer cancel()
	var problems []error
	problems = append(problems, h.endBoot(ctx))
	h.api.Drain()
	h.handOver(ctx)
	h.server.Drain()
	h.drain(ctx)
	h.fail(nil) // from here on nothing is started any more
	if err := within(share(ctx, 4), "a plugin that was being restarted", h.keepers.Wait); err != nil {
		problems = append(problems, errors.Join(err, h.unopened()))
	}

	g := h.current()
	if g != nil {
		problems = append(problems, h.stopRaft(ctx, g))
	}
	h.server.Detach(server.ErrStopped)
	endAPI := h.stopAPI(ctx)

	stillApplying := h.stopApplying(ctx)
	problems = append(problems, stillApplying)
	if in := h.machine.current(); in != nil {
		if stillApplying == nil {
			h.syncMachine(ctx, in)
		}
		problems = append(problems, h.closePlugin(ctx, share(ctx, 6), in, in.StateMachine().Close))
	}
	problems = append(problems, h.closeTransports(ctx))
	if g != nil {
		h.awaitAppends(ctx, g)
		problems = append(problems, h.closePlugin(ctx, share(ctx, 3), g.instance, g.storage.Close))
		g.fail(plugins.ErrClosed)
		if pause.Over(g.raftDone) { // or it has been named
			problems = append(problems, within(share(ctx, 3), "storage "+g.instance.Info().Name, g.wg.Wait))
		}
	}
	problems = append(problems, h.dismissed.error())
	var closeErr error
	problems = append(problems, within(share(ctx, 2), "the catalog of plugins", func() { closeErr = h.catalog.Close() }))
	if problems[len(problems)-1] == nil {
		problems = append(problems, closeErr)
	}
	problems = append(problems, endAPI())
	if err := h.endServer(ctx); err != nil {
		return errors.Join(append(problems, err)...)
	}
	return errors.Join(append(problems, h.endAttendants(ctx))...)
}

// endAttendants waits for what else runs in the host, ends the audit, which has
// every request by now, and ends the use of the data directory. Its disk may stand
// still while a goroutine writes there.
func (h *Host) endAttendants(ctx context.Context) error {
	if err := within(share(ctx, 2), "a write to the data directory", h.wg.Wait); err != nil {
		return err // the directory is in use
	}
	if err := within(share(ctx, 2), "the audit", h.audit.Close); err != nil {
		return err
	}
	closed := make(chan error, 1)
	if err := within(share(ctx, 2), "the data directory", func() { closed <- h.identity.close() }); err != nil {
		return err
	}
	return <-closed
}

// stopAPI begins to answer the clients that are left, beside the end of the plugins.
// The function that it returns waits for that, for half of the time that is left: calls
// under way are cut off then, and those that go on all the same are given up. A client
// that was cut off is in the log. The stop has not failed then: nothing of the host is left.
func (h *Host) stopAPI(ctx context.Context) (end func() error) {
	ctx, cut := context.WithCancelCause(ctx)
	stopped := make(chan error, 1)
	go func() {
		err := h.api.Stop(ctx)
		h.serving.Wait()
		stopped <- err
	}()
	return func() (err error) {
		defer cut(nil)
		half := leastShare
		if deadline, ok := ctx.Deadline(); ok {
			half = max(half, time.Until(deadline)/2)
		}
		late := time.AfterFunc(half, func() { cut(context.DeadlineExceeded) })
		defer late.Stop()
		answered := make(chan error, 1)
		if forced := within(half+half/2, "a call of a client", func() { answered <- <-stopped }); forced != nil {
			return forced
		}
		if err = <-answered; errors.Is(err, api.ErrUnanswered) {
			h.logger.Warn("clients are cut off with requests in flight: what became of those is unknown to them", "error", err)
			return nil
		}
		return err
	}
}

// endBoot ends a start that is under way: the plugins that it has started by then
// are stopped like the rest. A call into a backend inside the host may go on for
// ever: the stop goes on without it, and names it.
func (h *Host) endBoot(ctx context.Context) error {
	select {
	case <-h.booted:
		return nil
	default:
	}
	h.fail(nil)
	// The state machine ends its start beside the others.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.stopApplying(ctx) // which is asked again when it is its turn
	}()
	defer func() { <-ended }()
	if err := within(2*share(ctx, 4), "the start", func() { <-h.booted }); err == nil {
		return nil
	}
	h.booting.Lock()
	defer h.booting.Unlock()
	select {
	case <-h.booted:
		return nil
	default:
		h.bootGivenUp = true
		return errors.Join(fmt.Errorf("%w: the start did not end", ErrForced), h.unopened())
	}
}

// handOverTimeout bounds what a stop waits for another leader: time for two
// members to be tried.
const handOverTimeout = 1500 * time.Millisecond

// handOver gives leadership away, so that the cluster need not wait for an
// election.
func (h *Host) handOver(ctx context.Context) {
	st := h.server.Status()
	if st.Role != "leader" || len(h.server.Membership().Members) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(2*h.cfg.Election, handOverTimeout))
	defer cancel()
	if leader, err := h.server.HandOver(ctx); err != nil {
		h.logger.Warn("leadership could not be handed over", "error", err)
	} else {
		h.logger.Info("leadership handed over", "to", leader)
		// The others hear of the new leader before this node goes: until then they
		// forward their proposals to it.
		pause.For(ctx, h.cfg.Tick)
	}
}

// awaitAppends lets the storage take what raft put out last: the commit index,
// which is written late. It had the time that the other plugins took to close.
func (h *Host) awaitAppends(ctx context.Context, g *generation) {
	ctx, cancel := context.WithTimeout(ctx, share(ctx, 4)/2)
	defer cancel()
	select {
	case <-g.pump.ended:
	case <-g.failing.Done():
	case <-ctx.Done():
		h.logger.Warn("the storage did not acknowledge the last append before it was closed")
	}
}

// stopApplying ends the use of the state machine.
func (h *Host) stopApplying(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, share(ctx, 8))
	defer cancel()
	if err := h.server.StopApplying(ctx); err != nil {
		return fmt.Errorf("%w: statemachine(%s): %w", ErrForced, h.slots[plugins.StateMachine].Status().Name, err)
	}
	return nil
}

// syncMachine has a durable state machine sync before it is closed, so that the next start
// has less to replay. A failure is in the log, and the stop goes on.
func (h *Host) syncMachine(ctx context.Context, in *catalog.Instance) {
	if pause.Over(in.Done()) || !in.Info().Has(statemachine.CapabilityDurable) {
		return
	}
	limit := share(ctx, 7)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	synced := make(chan error, 1)
	// A backend inside the host may take longer than it is given.
	if err := within(limit+limit/2, "a sync of the state machine", func() {
		_, err := statemachine.Sync(ctx, in.StateMachine())
		synced <- err
	}); err != nil {
		h.server.SyncEnded(err)
		return
	}
	h.server.SyncEnded(<-synced)
}

// endServer ends the server goroutine, the last of all.
func (h *Host) endServer(ctx context.Context) error {
	if err := within(share(ctx, 4), "the server goroutine", h.server.Stop); err != nil {
		return err
	}
	h.logger.Info("server goroutine ended")
	return nil
}
