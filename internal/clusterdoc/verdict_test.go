package clusterdoc

import (
	"slices"
	"strings"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// three are the answers of three voters of which 1 leads and gets on with both others.
func three() []Row {
	rows := []Row{follower("1"), follower("2"), follower("3")}
	leader := rows[0].Status
	leader.Role = "leader"
	leader.Progress = []*hostv1.PeerProgress{{Id: "2", State: replicating}, {Id: "3", State: replicating}}
	return rows
}

func follower(id string) Row {
	return Row{
		Endpoint: "host" + id, Member: &hostv1.Member{Id: id},
		Status: &hostv1.StatusResponse{Id: id, ClusterId: "c1", Role: "follower", Leader: "1", Term: 7},
	}
}

// silent is the row of a member that does not answer.
func silent(id string) Row {
	return Row{Endpoint: "host" + id, Member: &hostv1.Member{Id: id}, Error: "connection refused"}
}

// The verdict says whether something gets committed, and not whether a member leads. The
// worst reason comes first, and each row stays.
func TestTheVerdictSaysWhetherSomethingGetsCommitted(t *testing.T) {
	stalled := []*hostv1.Warning{{Reason: server.WarnCommitStalled, Message: "the oldest entry is 9 s old"}}
	for name, c := range map[string]struct {
		change   func([]Row)
		verdict  Verdict
		reason   string
		failures int
	}{
		"all is well":      {func([]Row) {}, Healthy, "", 1},
		"one is gone":      {func(r []Row) { r[2] = silent("3"); r[0].Status.Progress[1].State = "probe" }, Degraded, "3: does not answer: connection refused", 0},
		"unseen from here": {func(r []Row) { r[2] = silent("3") }, Degraded, "3: does not answer", 1},
		"the leader is unseen, and its followers hear it": {func(r []Row) { r[0] = silent("1") }, Degraded, "1: does not answer", 0},
		"a follower gets nothing":                         {func(r []Row) { r[0].Status.Progress[0].StalledMs = 1 }, Healthy, "", 0},
		"a follower is unheard":                           {func(r []Row) { r[0].Status.Progress[0].LastContactMs = silence }, Healthy, "", 0},
		"it leads and commits nothing":                    {func(r []Row) { r[0].Status.Warnings = stalled }, Unavailable, "1 leads and nothing gets committed: the oldest entry is 9 s old", 1},
		"a follower's word against its leader's":          {func(r []Row) { r[1].Status.Warnings = stalled }, Degraded, "2: the oldest entry", 1},
		"a follower's word without its leader's":          {func(r []Row) { r[0] = silent("1"); r[1].Status.Warnings = stalled }, Unavailable, "1 leads and nothing", 0},
		"no leader": {func(r []Row) {
			for _, row := range r {
				row.Status.Leader, row.Status.Role = "", "candidate"
			}
		}, Unavailable, "no member that answers knows a leader", 0},
		"none answers": {func(r []Row) { r[0], r[1], r[2] = silent("1"), silent("2"), silent("3") }, Unavailable, "no member answers", 0},
		"another answers in its place": {func(r []Row) {
			r[2].Status.Id, r[2].Status.Leader, r[2].Status.Term = "9", "9", 99
		}, Degraded, "3: host3 answers as member 9", 0},
		"a quorum does not get on": {func(r []Row) { r[0].Status.Progress[0].StalledMs, r[0].Status.Progress[1].StalledMs = 1, 1 }, Degraded, "of 3 voters 1 get on with the log of the leader, and the quorum is 2", 0},
		"a learner is no voter":    {func(r []Row) { r[2].Member.Learner = true }, Healthy, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			rows := three()
			c.change(rows)
			d := New(rows)
			first := ""
			if len(d.Reasons) > 0 {
				first = d.Reasons[0]
			}
			if d.Verdict != c.verdict || !strings.HasPrefix(first, c.reason) || (c.reason == "") != (first == "") {
				t.Errorf("%s: %q, want %s: %q", d.Verdict, d.Reasons, c.verdict, c.reason)
			}
			if d.Tolerance.Failures != c.failures || len(d.Members) != 3 || d.Healthy() != (d.Verdict == Healthy) {
				t.Errorf("%d members, tolerance %+v, want %d failures", len(d.Members), d.Tolerance, c.failures)
			}
		})
	}
}

// A member of another cluster, at an address that is asked, has no say about this one: wherever
// its row is, and even if it has the id of a member.
func TestAnotherClusterHasNoSay(t *testing.T) {
	for name, at := range map[string]int{"first": 0, "last": 3} {
		t.Run(name, func(t *testing.T) {
			foreign := Row{Endpoint: "old", Status: &hostv1.StatusResponse{Id: "9", ClusterId: "c9", Role: "leader", Leader: "9", Term: 99}}
			d := New(slices.Insert(three(), at, foreign))
			if d.ClusterID != "c1" || d.Leader != "1" || d.Term != 7 || d.Verdict != Degraded || len(d.Reasons) != 1 {
				t.Errorf("cluster %s, leader %s in term %d, %s: %q", d.ClusterID, d.Leader, d.Term, d.Verdict, d.Reasons)
			}
		})
	}
	rows := three()
	rows[0].Status.ClusterId, rows[0].Status.Term, rows[0].Status.Role = "c9", 99, "follower"
	rows[1].Status.Leader, rows[2].Status.Leader = "2", "2"
	rows[1].Status.Role = "leader"
	if d := New(rows); d.ClusterID != "c1" || d.Leader != "2" || d.Term != 7 {
		t.Errorf("cluster %s, leader %s in term %d: %q", d.ClusterID, d.Leader, d.Term, d.Reasons)
	}
}
