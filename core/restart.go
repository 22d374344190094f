package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/patience"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/restarts"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
)

// restartPlugin replaces the process of one plugin. The new process starts and describes
// itself first. Only then is the old one closed, which has its lock, its port or its data
// until it is gone, and the new one opened.
func (h *Host) restartPlugin(ctx context.Context, kind, name string) (now server.PluginStatus, err error) {
	err = h.alone(kind, name, func(slot *catalog.Slot) (err error) {
		now, err = h.renew(ctx, slot, nil)
		return err
	})
	return now, err
}

// alone does something with a plugin while no other plugin is restarted.
func (h *Host) alone(kind, name string, do func(*catalog.Slot) error) error {
	slot, err := h.slot(plugins.Kind(kind), name)
	if err != nil {
		return err
	}
	if !h.restarting.TryLock() {
		return &server.Error{Err: server.ErrPluginRefused, Detail: "another plugin of this member is being restarted: wait for that", RetryAfter: h.cfg.Election}
	}
	defer h.restarting.Unlock()
	return do(slot)
}

// renew replaces the process of a plugin by one of the same version, or of next if that is
// not nil.
func (h *Host) renew(ctx context.Context, slot *catalog.Slot, next *catalog.Next) (server.PluginStatus, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.life, cancel)()
	ended, err := h.prepare(ctx, slot, next)
	if err != nil {
		if h.life.Err() != nil {
			err = &server.Error{Err: server.ErrStopped, NotApplied: true}
		}
		return server.PluginStatus{}, err
	}
	paused, begun, err := h.replace(ctx, slot, ended)
	if !begun {
		slot.Discard() // else the keeper takes it, also if the asker has gone
	}
	if err == nil && next != nil && !slot.Runs(next) {
		err = errNotServed
	}
	switch {
	case err == nil:
		slot.Passed()
		st := statusOf(slot.Status())
		st.Paused = paused
		return st, nil
	case h.life.Err() != nil:
		return server.PluginStatus{}, &server.Error{Err: server.ErrStopped, NotApplied: !begun}
	case !begun && errors.Is(err, plugins.ErrGone):
		return server.PluginStatus{}, &server.Error{Err: server.ErrPluginRefused, Detail: "it has ended by itself meanwhile, and its host starts it again"}
	case !begun:
		return server.PluginStatus{}, &server.Error{Err: server.ErrPluginRefused, Detail: fmt.Sprintf("it goes on: %v", err)}
	}
	return server.PluginStatus{}, &server.Error{Err: server.ErrRestartFailed, Detail: fmt.Sprintf("%v; plugin list and the host's log say how it goes on", err)}
}

// prepare starts the new process of a plugin that is well. The channel is closed when the
// process ends that runs. The error says what to do; the one that runs goes on.
func (h *Host) prepare(ctx context.Context, slot *catalog.Slot, next *catalog.Next) (ended <-chan struct{}, err error) {
	refused := func(format string, args ...any) (<-chan struct{}, error) {
		return nil, &server.Error{Err: server.ErrPluginRefused, Detail: fmt.Sprintf(format, args...)}
	}
	in, st := slot.Current(), slot.Status()
	if in == nil || st.State != catalog.Ready {
		return refused("it is %s: its host starts it again by itself as long as that may help", st.State)
	}
	info, err := slot.Prepare(ctx, next)
	switch {
	case errors.Is(err, catalog.ErrNoProcess):
		return refused("%v: restart the host if it runs inside, or the plugin where it was started", err)
	case err != nil:
		return refused("the new process was refused, and the old one goes on: %v", err)
	case info.Name != st.Name:
		slot.Discard()
		return refused("the new process calls itself %q, and %q goes on: to change to another plugin, configure it and restart the host", info.Name, st.Name)
	}
	if v := h.server.Status().CommandVersion; st.Kind == plugins.StateMachine && !info.CommandVersions.Has(v) {
		slot.Discard()
		return refused("the cluster is at command version %d, and the new process applies %s: the old one goes on", v, info.CommandVersions)
	}
	if next != nil && info.Version != next.Version() {
		slot.Discard()
		return refused("plugins.lock says version %q, and the new process says %q of itself: the old one goes on", next.Version(), info.Version)
	}
	if lacks := lacking(slot.Info(), info); next != nil && lacks != "" {
		slot.Discard()
		return refused("version %s %s: the old one goes on; restart the host if that is meant", next.Version(), lacks)
	}
	return in.Done(), nil
}

// replace closes the plugin that runs and opens the one that was prepared; a state machine
// the other way round if it can, and else paused is the reason. begun is false
// if the one that runs was not touched, or has ended by itself, as ended tells. The next state
// machine has the time that the client gives it, as long as it gets on.
func (h *Host) replace(ctx context.Context, slot *catalog.Slot, ended <-chan struct{}) (paused string, begun bool, err error) {
	if slot == h.slots[plugins.StateMachine] {
		return h.server.ReplaceMachine(ctx, ended)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience.Open(h.cfg.Election))
	defer cancel()
	if slot == h.storageSlot() {
		begun, err = h.restartStorage(ctx, ended)
	} else {
		begun, err = h.courier.Restart(ctx, slot, ended)
	}
	return "", begun, err
}

// retire closes a plugin that has done nothing wrong, and ends its process.
func (h *Host) retire(in *catalog.Instance, closeContract func(context.Context) error) {
	in.Retiring()
	limit := catalog.CallTimeout(h.cfg.Election)
	ctx, cancel := h.untilForced()
	defer cancel()
	if err := h.closePlugin(ctx, limit, in, closeContract); err != nil {
		h.logger.Warn("a plugin that is restarted did not end in order", "kind", in.Info().Kind, "plugin", in.Info().Name, "error", err)
	}
}

// errStorageBusy: the storage is being opened, so that its keeper takes no restart.
var errStorageBusy = errors.New("the storage is being restarted for another reason")

// restartStorage has the node built anew on a new process of the storage. A member that
// leads hands the leadership over first, so that the cluster goes on.
func (h *Host) restartStorage(ctx context.Context, ended <-chan struct{}) (begun bool, err error) {
	if err := h.leaveLead(ctx); err != nil {
		return false, fmt.Errorf("the leadership could not be handed over: %w", err)
	}
	return restarts.Ask(ctx, h.storageRestarts, ended, catalog.CallTimeout(h.cfg.Election), errStorageBusy)
}

// leaveLead gives the leadership away, if this member has it and there is another voter.
func (h *Host) leaveLead(ctx context.Context) error {
	if h.server.Status().Role != "leader" || h.voters() < 2 {
		return nil
	}
	leader, err := h.server.HandOver(ctx)
	if err != nil {
		return err
	}
	h.logger.Info("leadership handed over", "to", leader)
	pause.For(ctx, h.cfg.Tick) // the others hear of the new leader before this node goes
	return nil
}

// voters counts the members that vote, this one among them if it does.
func (h *Host) voters() (count int) {
	for _, m := range h.server.Membership().Members {
		if !m.Learner {
			count++
		}
	}
	return count
}

// retireStorage ends a generation whose storage is well: requests are refused, those in
// flight are answered, the raft goroutine ends, the storage takes what was put out last,
// and is closed.
func (h *Host) retireStorage(g *generation) error {
	h.logger.Info("the storage is restarted as asked")
	h.server.Pause(true)
	ctx, cancel := h.untilForced()
	defer cancel()
	h.drain(ctx)
	h.setGeneration(nil)
	if err := h.endRaft(g); err != nil {
		return err
	}
	h.server.Detach(server.ErrStorageRestart)
	h.awaitAppends(ctx, g)
	h.retire(g.instance, g.storage.Close)
	g.fail(plugins.ErrClosed)
	return nil
}
