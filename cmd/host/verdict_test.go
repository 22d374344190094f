package main

import (
	"strings"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A member that is cut off from its peers knows no leader, or one of before. As
// long as nothing is written that is the only sign: the check sees it, and the
// table says it.
func TestCheckSeesAMemberWithoutALeader(t *testing.T) {
	for name, c := range map[string]struct {
		third *hostv1.StatusResponse
		note  string // empty: all is well
	}{
		"follows the leader":    {&hostv1.StatusResponse{Role: "follower", Leader: "1", Term: 7}, ""},
		"a learner of it":       {&hostv1.StatusResponse{Role: "learner", Leader: "1", Term: 7}, ""},
		"no leader":             {&hostv1.StatusResponse{Role: "pre_candidate", Term: 7}, "knows no leader"},
		"a former leader":       {&hostv1.StatusResponse{Role: "follower", Term: 6, Leader: "2"}, "follows 2 in term 6, and 1 leads in term 7"},
		"a former term":         {&hostv1.StatusResponse{Role: "follower", Term: 6, Leader: "1"}, "follows 1 in term 6, and 1 leads in term 7"},
		"it believes it leads":  {&hostv1.StatusResponse{Role: "leader", Term: 6, Leader: "3"}, "follows 3 in term 6, and 1 leads in term 7"},
		"the others are behind": {&hostv1.StatusResponse{Role: "candidate", Term: 8}, "knows no leader"},
	} {
		t.Run(name, func(t *testing.T) {
			c.third.Id, c.third.ClusterId = "3", "c1"
			s := summarise([]client.MemberStatus{
				{Member: &hostv1.Member{Id: "1"}, Status: &hostv1.StatusResponse{Id: "1", ClusterId: "c1", Role: "leader", Leader: "1", Term: 7}},
				{Member: &hostv1.Member{Id: "2"}, Status: &hostv1.StatusResponse{Id: "2", ClusterId: "c1", Role: "follower", Leader: "1", Term: 7}},
				{Member: &hostv1.Member{Id: "3"}, Status: c.third},
			})
			if s.Healthy() != (c.note == "") {
				t.Errorf("a member that is %s and follows %q: healthy %v", c.third.Role, c.third.Leader, s.Healthy())
			}
			if note := s.note(s.Members[2]); c.note != "" && !strings.Contains(note, c.note) {
				t.Errorf("the table says %q, want %q", note, c.note)
			}
		})
	}
}

// A certificate that ends some day is a warning that fails no check; a certificate that has
// ended does. So do files that are refused, though the certificate of before serves: with
// these files the member does not start again. An upgrade that is under way fails no check.
func TestCheckBearsACertificateThatEndsSoon(t *testing.T) {
	for reason, want := range map[string]bool{"certificate_expires": true, "certificate_expired": false, "certificate_refused": false, "level_held": true, "log_stuck": false} {
		s := summarise([]client.MemberStatus{{Member: &hostv1.Member{Id: "1"}, Status: &hostv1.StatusResponse{
			Id: "1", ClusterId: "c1", Role: "leader", Leader: "1", Term: 7, Warnings: []*hostv1.Warning{{Reason: reason, Message: "so it is"}},
		}}})
		if got := s.Healthy(); got != want {
			t.Errorf("with the warning %s: healthy %t, want %t", reason, got, want)
		}
		if note := s.note(s.Members[0]); !strings.Contains(note, "so it is") {
			t.Errorf("the table says %q", note)
		}
	}
}

// Every reason for which a member gets nothing done fails the check, by the
// warning alone: the leader is known, and all members answer.
func TestCheckFailsByEachWarningOfAStall(t *testing.T) {
	for _, reason := range []string{
		server.WarnCommitStalled, server.WarnPeerStalled, server.WarnRefusing, server.WarnRaftStalled, server.WarnUnanswered, server.WarnDoubled,
		server.WarnUnfit, server.WarnLostData, server.WarnConflict, server.WarnSnapshotStalled, server.WarnLogHeld, server.WarnLogStuck,
	} {
		s := summarise([]client.MemberStatus{{Member: &hostv1.Member{Id: "1"}, Status: &hostv1.StatusResponse{
			Id: "1", ClusterId: "c1", Role: "leader", Leader: "1", Term: 7, Warnings: []*hostv1.Warning{{Reason: reason, Message: "so it is"}},
		}}})
		if s.Healthy() {
			t.Errorf("with the warning %s all is well", reason)
		}
	}
}
