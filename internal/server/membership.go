package server

import (
	"context"
	"errors"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Membership implements Service.
func (s *Server) Membership() Membership {
	_, registry := s.progress.get()
	return Membership{ClusterID: s.cfg.ClusterID, Members: registry.Members(), Leader: s.leader()}
}

// CurrentMembership implements Service.
func (s *Server) CurrentMembership(ctx context.Context) (Membership, error) {
	ctx, cancel := context.WithTimeout(ctx, RequestTimeout(s.cfg.Election))
	defer cancel()
	if _, err := s.readBarrier(ctx); err != nil {
		return Membership{}, err
	}
	return s.Membership(), nil
}

// AddMember implements Service.
func (s *Server) AddMember(ctx context.Context, m Member, o ChangeOptions) (Membership, error) {
	if m.ID == 0 {
		m.ID = NodeID(randomNumber())
	}
	return s.change(ctx, member.Change{Op: member.Add, Member: m}, o)
}

// UpdateMember implements Service.
func (s *Server) UpdateMember(ctx context.Context, m Member, o ChangeOptions) (Membership, error) {
	return s.change(ctx, member.Change{Op: member.Update, Member: m}, o)
}

// RemoveMember implements Service.
func (s *Server) RemoveMember(ctx context.Context, id NodeID, o ChangeOptions) (Membership, error) {
	m, err := s.change(ctx, member.Change{Op: member.Remove, Member: Member{ID: id}}, o)
	if errors.Is(err, ErrUnknownMember) {
		return s.Membership(), nil
	}
	return m, err
}
