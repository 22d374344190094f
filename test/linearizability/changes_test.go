//go:build linux

package linearizability

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// exitNotMember is the exit code of a host that was removed.
const exitNotMember = 7

// changeTime bounds one request for a change. Its outcome is looked up in the list
// of members, whatever the answer is.
const changeTime = time.Second

// changes is a step that asks the leader for a change until the members that it
// knows are as they are to be.
func (s *storm) changes(path string, request proto.Message, done func([]*hostv1.Member) bool) func() bool {
	return func() bool {
		leader := s.c.leader()
		if leader == nil {
			return false
		}
		if members := leader.knownMembers(); len(members) > 0 && done(members) {
			return true
		}
		leader.ask(path, request, changeTime)
		return false
	}
}

func (s *storm) isRemoved(m *member) func() bool {
	return func() bool {
		id := m.hexID()
		return s.changes("/v1/members/remove", &hostv1.RemoveMemberRequest{Id: id}, func(members []*hostv1.Member) bool {
			return find(members, id) == nil
		})()
	}
}

func (s *storm) isAdded(m *member, learner bool) func() bool {
	return func() bool {
		request := &hostv1.AddMemberRequest{Member: &hostv1.Member{
			Id: m.hexID(), Name: m.name, PeerUrls: m.urls(s.c.reached...), ClientAddress: m.client, Learner: learner,
		}}
		return s.changes("/v1/members/add", request, func(members []*hostv1.Member) bool {
			return find(members, m.hexID()) != nil
		})()
	}
}

func (s *storm) hasMoved(m *member) func() bool {
	return func() bool {
		urls := slices.Sorted(slices.Values(m.urls(s.c.reached...))) // as members keep them
		request := &hostv1.UpdateMemberRequest{Member: &hostv1.Member{Id: m.hexID(), PeerUrls: urls}}
		return s.changes("/v1/members/update", request, func(members []*hostv1.Member) bool {
			return slices.Equal(find(members, m.hexID()).GetPeerUrls(), urls)
		})()
	}
}

// serves is a step that waits until a member that was added serves, and the leader
// knows it as a voter, or as a learner.
func (s *storm) serves(m *member, learner bool) func() bool {
	return func() bool {
		leader := s.c.leader()
		if leader == nil || !m.ready() {
			return false
		}
		known := find(leader.knownMembers(), m.hexID())
		return known != nil && known.GetLearner() == learner
	}
}

// hasLeft is a step that waits until the host of a removed member has ended.
func (s *storm) hasLeft(m *member) func() bool {
	return func() bool {
		if m.host.Running() {
			return false
		}
		if code := m.host.Cmd.ProcessState.ExitCode(); code != exitNotMember {
			s.c.t.Errorf("%s was removed, and its host ended with %d:\n%s", m.name, code, m.host.LastLines(30))
		}
		return true
	}
}

func find(members []*hostv1.Member, id string) *hostv1.Member {
	for _, m := range members {
		if m.GetId() == id {
			return m
		}
	}
	return nil
}

// knownMembers are the members that this one knows, none if it does not answer.
func (m *member) knownMembers() []*hostv1.Member {
	code, body := m.get(m.client, "/v1/members")
	var answer hostv1.MembersResponse
	if code != http.StatusOK || protojson.Unmarshal(body, &answer) != nil {
		return nil
	}
	return answer.GetMembers()
}

// ask makes a request of an operator, and reports whether it was granted.
func (m *member) ask(path string, request proto.Message, patience time.Duration) bool {
	m.t.Helper()
	body, err := protojson.Marshal(request)
	if err != nil {
		m.t.Fatal(err)
	}
	web := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := web.Post("http://"+m.client+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
