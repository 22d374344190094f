package clusterdoc

import (
	"fmt"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// A Row is what came of asking one member.
type Row struct {
	// Endpoint is where the member was asked.
	Endpoint string
	// Member is what the membership says of it; nil for an endpoint that no member has
	// as its client address.
	Member *hostv1.Member
	// Status is the answer; nil if there is Error.
	Status *hostv1.StatusResponse
	Error  string
}

// New puts the members' answers together and judges them. The leader is the one that
// the member with the highest term follows. An answer under another id than the one that
// was asked, or of another cluster, says nothing about the leader.
func New(rows []Row) Document {
	d := Document{ClusterID: clusterOf(rows), Members: []Member{}}
	for _, r := range rows {
		st := r.Status
		if st.GetClusterId() != d.ClusterID || r.asAnother() {
			continue
		}
		if st.GetLeader() != "" && st.GetTerm() >= d.Term {
			d.Leader, d.Term = st.GetLeader(), st.GetTerm()
		}
	}
	for _, r := range rows {
		d.Members = append(d.Members, memberOf(r, d.ClusterID))
	}
	d.judge()
	return d
}

// asAnother tells whether another member has answered than the one that was asked.
func (r Row) asAnother() bool { return r.Member != nil && r.Status.GetId() != r.Member.GetId() }

// clusterOf is the cluster that most members name which answer as themselves; of two that are
// named as often the one that is named first. Endpoints that no member claims are heard
// if no member is: one may be the address of another cluster by now.
func clusterOf(rows []Row) string {
	for _, claimed := range []bool{true, false} {
		named, most := map[string]int{}, ""
		for _, r := range rows {
			if id := r.Status.GetClusterId(); id != "" && (r.Member != nil) == claimed && !r.asAnother() {
				named[id]++
			}
		}
		for _, r := range rows {
			if id := r.Status.GetClusterId(); named[id] > named[most] {
				most = id
			}
		}
		if most != "" {
			return most
		}
	}
	return ""
}

// memberOf is one row. An endpoint that no member claims and at which none
// answers is shown by its address.
func memberOf(r Row, cluster string) Member {
	m := Member{Name: r.Endpoint, Promote: r.Member.GetPromote(), Plugins: []Plugin{}, Links: []Link{}, Progress: []PeerProgress{}, Warnings: []Warning{}}
	if r.Member != nil {
		m.ID, m.Name, m.Voter = r.Member.GetId(), r.Member.GetName(), !r.Member.GetLearner()
	}
	m.Error = r.Error
	st := r.Status
	if st == nil {
		return m
	}
	m = Member{
		ID: st.GetId(), Name: st.GetName(), Role: st.GetRole(), Leader: st.GetLeader(), Promote: r.Member.GetPromote(), Voter: m.Voter, Version: st.GetVersion(), Term: st.GetTerm(),
		Commit: st.GetCommit(), Applied: st.GetApplied(),
		FirstIndex: st.GetFirstIndex(), LastIndex: st.GetLastIndex(), SnapshotIndex: st.GetSnapshotIndex(), Durable: st.Durable,
		Reachable: true, Plugins: PluginsOf(st), Links: linksOf(st), Progress: progressOf(st),
		Warnings: warningsOf(st), UncommittedMs: st.GetUncommittedMs(), TickAgeMs: st.GetTickAgeMs(),
		Level: st.GetLevel(), LevelUnderstood: st.GetLevelUnderstood(), Quarantine: quarantineOf(st), StorageMove: storageMoveOf(st),
		CommandVersion: st.GetCommandVersion(), CommandVersions: commandVersionsOf(st),
	}
	if r.asAnother() {
		m.ID, m.Name, m.Error = r.Member.GetId(), r.Member.GetName(), fmt.Sprintf("%s answers as member %s", r.Endpoint, st.GetId())
	}
	if st.GetClusterId() != cluster {
		m.Error = fmt.Sprintf("%s is a member of another cluster, %s", r.Endpoint, st.GetClusterId())
	}
	return m
}

// PluginsOf are the plugins of a member by its own word.
func PluginsOf(st *hostv1.StatusResponse) []Plugin {
	all := []Plugin{}
	for _, p := range st.GetPlugins() {
		var work *PluginWork
		if w := p.GetWork(); w != nil {
			work = &PluginWork{w.GetWhat(), w.GetProgress(), w.GetForMs(), w.GetStillMs()}
		}
		var record *PluginRecord
		if r := p.GetRecord(); r != nil {
			record = &PluginRecord{r.GetPath(), r.GetBytes(), r.GetGaps(), r.GetFailure()}
		}
		all = append(all, Plugin{
			Kind: p.GetKind(), Name: p.GetName(), Version: p.GetVersion(),
			PID: p.GetPid(), State: p.GetState(), Attached: p.GetAttached(), Restarts: p.GetRestarts(), Warning: p.GetWarning(), LastError: p.GetLastError(), Work: work, Record: record,
			Generation: p.GetGeneration(), LastExit: p.GetLastExit(),
		})
	}
	return all
}

func linksOf(st *hostv1.StatusResponse) []Link {
	all := []Link{}
	for _, l := range st.GetLinks() {
		all = append(all, Link{
			ID: l.GetId(), Transport: l.GetTransport(), Active: l.GetActive(),
			Usable: append([]string{}, l.GetUsable()...), Error: l.GetError(),
		})
	}
	return all
}

func warningsOf(st *hostv1.StatusResponse) []Warning {
	all := []Warning{}
	for _, w := range st.GetWarnings() {
		all = append(all, Warning{Reason: w.GetReason(), Message: w.GetMessage()})
	}
	return all
}

func storageMoveOf(st *hostv1.StatusResponse) *StorageMove {
	m := st.GetStorageMove()
	if m == nil {
		return nil
	}
	return &StorageMove{m.GetFrom(), m.GetTo(), m.GetPhase(), m.GetEntries(), m.GetEntriesTotal(), m.GetBytes(), m.GetForMs(), m.GetLeft(), m.GetError()}
}

func commandVersionsOf(st *hostv1.StatusResponse) *CommandVersions {
	v := st.GetCommandVersions()
	if v == nil {
		return nil
	}
	return &CommandVersions{Least: v.GetLeast(), Greatest: v.GetGreatest()}
}

func quarantineOf(st *hostv1.StatusResponse) *Quarantine {
	q := st.GetQuarantine()
	if q == nil {
		return nil
	}
	return &Quarantine{
		Index: q.GetIndex(), Term: q.GetTerm(), Bytes: q.GetBytes(), SHA256: q.GetSha256(),
		Tries: q.GetTries(), LastWords: q.GetLastWords(), SinceMs: q.GetSinceMs(), RetryMs: q.GetRetryMs(), Parted: q.GetParted(),
	}
}

func progressOf(st *hostv1.StatusResponse) []PeerProgress {
	all := []PeerProgress{}
	for _, p := range st.GetProgress() {
		all = append(all, PeerProgress{
			ID: p.GetId(), State: p.GetState(), Match: p.GetMatch(), LagEntries: p.LagEntries, LagBytes: p.LagBytes,
			InFlightBytes: p.GetInFlightBytes(), LastContactMs: p.GetLastContactMs(), StalledMs: p.GetStalledMs(), Why: p.GetWhy(),
		})
	}
	return all
}
