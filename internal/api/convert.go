package api

import (
	"strconv"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// hex is how identifiers look everywhere; none is the empty string.
func hex(id uint64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(id, 16)
}

// memberID reads a required id; 0 is not a member.
func memberID(field, s string) (server.NodeID, error) {
	id, err := server.ParseNodeID(s)
	if err != nil || id == 0 {
		return 0, malformed("%s %q is not the hex id of a member", field, s)
	}
	return id, nil
}

// optionalID is memberID for a field that may be empty.
func optionalID(field, s string) (server.NodeID, error) {
	if s == "" {
		return 0, nil
	}
	return memberID(field, s)
}

func toResponse(r server.Result) *hostv1.ProposeResponse {
	return &hostv1.ProposeResponse{Index: r.Index, Data: r.Data, Error: text(r.Error), ResultLost: r.Lost}
}

func toMember(m server.Member) *hostv1.Member {
	return &hostv1.Member{
		Id:            hex(uint64(m.ID)),
		Name:          text(m.Name),
		PeerUrls:      texts(m.PeerURLs),
		ClientAddress: text(m.ClientAddress),
		Learner:       m.Learner,
		Promote:       m.Promote,
	}
}

// fromMember reads a member. An address that no transport could read would cut
// it off, so it is refused before it is in the log.
func fromMember(m *hostv1.Member) (server.Member, error) {
	if m == nil {
		return server.Member{}, malformed("no member")
	}
	id, err := optionalID("member.id", m.GetId())
	if err != nil {
		return server.Member{}, err
	}
	for _, raw := range m.GetPeerUrls() {
		if _, err := transport.ParseURL(raw); err != nil {
			return server.Member{}, malformed("%v", err)
		}
	}
	return server.Member{
		ID:            id,
		Name:          m.GetName(),
		PeerURLs:      m.GetPeerUrls(),
		ClientAddress: m.GetClientAddress(),
		Learner:       m.GetLearner(),
	}, nil
}

// fromUpdate reads what changes of a member.
func fromUpdate(m *hostv1.Member) (server.Member, error) {
	update, err := fromMember(m)
	switch {
	case err != nil:
		return update, err
	case update.ID == 0:
		return update, malformed("member.id is missing")
	case update.Name == "" && update.ClientAddress == "" && len(update.PeerURLs) == 0:
		return update, malformed("nothing is to be changed: give name, peer_urls or client_address")
	}
	return update, nil
}

func toMembers(m server.Membership) *hostv1.MembersResponse {
	out := &hostv1.MembersResponse{
		ClusterId: hex(m.ClusterID),
		Members:   make([]*hostv1.Member, len(m.Members)),
		Leader:    hex(uint64(m.Leader)),
	}
	for i, member := range m.Members {
		out.Members[i] = toMember(member)
	}
	return out
}

func toStatus(s server.Status) *hostv1.StatusResponse {
	out := &hostv1.StatusResponse{
		ClusterId:     hex(s.ClusterID),
		Id:            hex(uint64(s.ID)),
		Name:          text(s.Name),
		Role:          text(s.Role),
		Leader:        hex(uint64(s.Leader)),
		Term:          s.Term,
		Commit:        s.Commit,
		Applied:       s.Applied,
		FirstIndex:    s.FirstIndex,
		LastIndex:     s.LastIndex,
		SnapshotIndex: s.SnapshotIndex,
		Version:       text(s.Version),
		UncommittedMs: uint64(s.Uncommitted.Milliseconds()),
		TickAgeMs:     uint64(s.TickAge.Milliseconds()),
		Level:         s.Level, LevelUnderstood: s.LevelUnderstood,
		CommandVersion: s.CommandVersion, Durable: s.Durable, StorageMove: toStorageMove(s.StorageMove),
	}
	if v := s.CommandVersions; v != nil {
		out.CommandVersions = toVersions(*v)
	}
	if q := s.Quarantine; q != nil {
		out.Quarantine = &hostv1.Quarantine{
			Index: q.Index, Term: q.Term, Bytes: q.Bytes, Sha256: q.SHA256, Tries: uint32(q.Tries), LastWords: text(q.LastWords),
			SinceMs: uint64(time.Since(q.Since).Milliseconds()), RetryMs: uint64(max(0, time.Until(q.Next)).Milliseconds()), Parted: q.Parted,
		}
	}
	for _, w := range s.Warnings {
		out.Warnings = append(out.Warnings, &hostv1.Warning{Reason: text(w.Reason), Message: text(w.Text)})
	}
	for i := range s.Plugins {
		out.Plugins = append(out.Plugins, toPlugin(&s.Plugins[i]))
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, &hostv1.PeerLink{
			Id: hex(uint64(l.ID)), Transport: text(l.Transport), Active: l.Active, Usable: texts(l.Usable), Error: text(l.Error),
		})
	}
	for _, p := range s.Progress {
		out.Progress = append(out.Progress, toProgress(&p))
	}
	return out
}

func toProgress(p *server.PeerProgress) *hostv1.PeerProgress {
	out := &hostv1.PeerProgress{
		Id: hex(uint64(p.ID)), Match: p.Match, Next: p.Next, State: text(p.State), Active: p.Active,
		StalledMs: uint64(p.Stalled.Milliseconds()), Why: text(p.Why), Level: p.Level,
		CommandVersions: toVersions(p.Commands), LastContactMs: uint64(p.Silent.Milliseconds()),
	}
	if l := p.Lag; l != nil {
		out.LagEntries, out.LagBytes, out.InFlightBytes = &l.Entries, &l.Bytes, l.InFlight
	}
	return out
}

func toWork(w *server.Work) *hostv1.PluginWork {
	if w == nil {
		return nil
	}
	return &hostv1.PluginWork{
		What: text(w.What), Progress: w.Progress, ForMs: uint64(w.For.Milliseconds()), StillMs: uint64(w.Still.Milliseconds()),
	}
}

func toVersions(v plugins.Versions) *hostv1.CommandVersions {
	return &hostv1.CommandVersions{Least: v.Least, Greatest: v.Greatest}
}

func texts(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = text(s)
	}
	return out
}

func toPlugin(p *server.PluginStatus) *hostv1.PluginStatus {
	return &hostv1.PluginStatus{
		Kind:       text(p.Kind),
		Name:       text(p.Name),
		Version:    text(p.Version),
		Pid:        int32(p.PID),
		State:      text(p.State),
		Restarts:   uint32(p.Restarts),
		LastError:  text(p.LastError),
		Warning:    text(p.Warning),
		Work:       toWork(p.Work),
		Generation: uint32(p.Generation),
		LastExit:   text(p.LastExit),
		Attached:   p.Attached,
		Paused:     text(p.Paused),
		Record:     toRecord(p.Record),
	}
}

func toRecord(r *server.PluginRecord) *hostv1.PluginRecord {
	if r == nil {
		return nil
	}
	return &hostv1.PluginRecord{Path: text(r.Path), Bytes: r.Bytes, Gaps: r.Gaps, Failure: text(r.Failure)}
}
