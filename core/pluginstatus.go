package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
)

// pluginStatus reports on all plugins, in the order in which they start.
func (h *Host) pluginStatus() []server.PluginStatus {
	list := []server.PluginStatus{
		statusOf(h.storageSlot().Status()), statusOf(h.slots[plugins.StateMachine].Status()),
	}
	if g := h.current(); g != nil {
		list[0].Warning = g.space.warning()
	}
	for _, st := range h.courier.Plugins() {
		list = append(list, statusOf(st))
	}
	return list
}

func statusOf(st catalog.Status) server.PluginStatus {
	warning := ""
	if st.HeldLately {
		warning = "it tells more events than a host takes: it is held up, and the messages of its peers with it"
	}
	return server.PluginStatus{
		Kind: string(st.Kind), Name: st.Name, Version: st.Version, PID: st.PID,
		State: string(st.State), Attached: st.Attached, Restarts: st.Restarts, LastError: st.LastError, Missed: st.Missed,
		Held: st.Held, Warning: warning,
		Record: recordOf(st.Record),
		Work:   workOf(st.Work), Generation: st.Generation, LastExit: st.LastExit,
	}
}

func recordOf(r *pluginrecord.Stats) *server.PluginRecord {
	if r == nil {
		return nil
	}
	return &server.PluginRecord{Path: r.Path, Bytes: r.Bytes, Gaps: r.Gaps, Failure: r.Failure}
}

// slot finds the place of a plugin by its kind, and by its name if that is given.
func (h *Host) slot(kind plugins.Kind, name string) (*catalog.Slot, error) {
	all := append([]*catalog.Slot{h.storageSlot(), h.slots[plugins.StateMachine]}, h.courier.Slots()...)
	var found []*catalog.Slot
	var has []string
	for _, s := range all {
		st := s.Status()
		has = append(has, fmt.Sprintf("%s(%s)", st.Kind, st.Name))
		if st.Kind == kind && (name == "" || st.Name == name) {
			found = append(found, s)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, &server.Error{Err: server.ErrUnknownPlugin, Detail: fmt.Sprintf("this member has several of the kind %s, say which by its name: %s", kind, strings.Join(has, ", "))}
	}
	return nil, &server.Error{Err: server.ErrUnknownPlugin, Detail: "this member has " + strings.Join(has, ", ")}
}

// pluginLines are lines that a plugin has written.
func (h *Host) pluginLines(which server.PluginLines) ([]server.PluginLine, time.Time, error) {
	slot, err := h.slot(plugins.Kind(which.Kind), which.Name)
	if err != nil {
		return nil, time.Time{}, err
	}
	kept, since := slot.Lines(which.After, which.Most)
	var lines []server.PluginLine
	for _, l := range kept {
		lines = append(lines, server.PluginLine{Number: l.Number, Time: l.Time, PID: l.PID, Stream: l.Stream, Text: l.Text})
	}
	return lines, since, nil
}
