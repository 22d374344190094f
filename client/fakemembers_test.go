package client_test

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/internal/server"
)

func (m *member) Status() server.Status {
	leader := m.cluster.leaderID()
	role := "follower"
	if leader == m.id {
		role = "leader"
	}
	return server.Status{ClusterID: 0xc, ID: m.id, Role: role, Leader: leader, Term: 1}
}

func (m *member) Membership() server.Membership {
	out := server.Membership{ClusterID: 0xc, Leader: m.cluster.leaderID()}
	for _, o := range m.cluster.members {
		out.Members = append(out.Members, server.Member{ID: o.id, ClientAddress: o.addr})
	}
	return out
}

// onlyLeader is the refusal of a follower, with its hint.
func (m *member) onlyLeader() error {
	leader := m.cluster.leaderID()
	if leader == m.id {
		return nil
	}
	return &server.Error{Err: server.ErrNotLeader, Leader: leader, LeaderAddress: m.cluster.members[leader-1].addr}
}

func (m *member) CurrentMembership(context.Context) (server.Membership, error) {
	return m.Membership(), nil
}

func (m *member) AddMember(_ context.Context, add server.Member, _ server.ChangeOptions) (server.Membership, error) {
	if err := m.onlyLeader(); err != nil {
		return server.Membership{}, err
	}
	out := m.Membership()
	out.Members = append(out.Members, add)
	return out, nil
}

// mistypedURL is refused as the URL of any member.
const mistypedURL = "quic://mistyped:1"

func (m *member) UpdateMember(_ context.Context, update server.Member, o server.ChangeOptions) (server.Membership, error) {
	if err := m.onlyLeader(); err != nil {
		return server.Membership{}, err
	}
	out := m.Membership()
	for i := range out.Members {
		if out.Members[i].ID == update.ID {
			if len(update.PeerURLs) > 0 && update.PeerURLs[0] == mistypedURL && !o.Force {
				return server.Membership{}, &server.Error{Err: server.ErrQuorumAtRisk}
			}
			out.Members[i].PeerURLs = update.PeerURLs
			return out, nil
		}
	}
	return server.Membership{}, &server.Error{Err: server.ErrUnknownMember}
}

func (m *member) RemoveMember(_ context.Context, id server.NodeID, o server.ChangeOptions) (server.Membership, error) {
	if id == 3 && !o.Force {
		m.cluster.noQuorum.Add(1)
		return server.Membership{}, &server.Error{Err: server.ErrNoQuorum}
	}
	if id > 100 {
		return server.Membership{}, &server.Error{Err: server.ErrUnknownMember}
	}
	return m.Membership(), nil
}

func (m *member) TransferLeader(_ context.Context, to server.NodeID) (server.NodeID, error) {
	if to == 0 {
		to = 2
	}
	m.cluster.setLeader(to)
	return to, nil
}

func (m *member) PluginLines(server.PluginLines) ([]server.PluginLine, time.Time, error) {
	return nil, time.Time{}, nil
}

func (m *member) RestartPlugin(context.Context, string, string) (server.PluginStatus, error) {
	return server.PluginStatus{}, nil
}

func (m *member) UpgradePlugin(context.Context, string, string, string) (server.PluginUpgrade, error) {
	return server.PluginUpgrade{}, nil
}

func (m *member) MoveStorage(context.Context, server.StorageMoveRequest) (server.StorageMove, error) {
	return server.StorageMove{}, nil
}

func (m *member) ReadSnapshot(_ context.Context, _ bool, _ func(server.SnapshotInfo) error, _ func([]byte) error) error {
	return nil
}

func (m *member) Live() error  { return nil }
func (m *member) Ready() error { return nil }
