package server

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// CommandVersions are the versions of commands that the state machine applies, for a node to
// be told.
func (s *Server) CommandVersions() node.CommandVersions {
	if info := s.info.Load(); info != nil {
		return node.CommandVersions{Versions: info.CommandVersions, Known: true}
	}
	return node.CommandVersions{}
}

// checkReached refuses, before it is restored or given anything, a state machine that does
// not apply the version that this member has reached already.
func (d *driver) checkReached() error {
	_, registry := d.s.progress.get()
	if v := registry.CommandVersion(); v > d.commands.Greatest {
		return d.otherVersion("the cluster is at command version %d", v)
	}
	return nil
}

// checkVersion refuses to give the state machine entries of a version that it has not
// announced. Those that it has already it skips.
func (d *driver) checkVersion(b *statemachine.Batch) error {
	if len(b.Entries) == 0 || b.Through <= d.at || d.commands.Has(b.Version) {
		return nil
	}
	return d.otherVersion("the entries up to %d are of command version %d", b.Through, b.Version)
}

func (d *driver) otherVersion(format string, args ...any) error {
	info := d.m.Describe()
	return fmt.Errorf("%w: %s, and %s of version %q applies %s: %w",
		ErrPermanent, fmt.Sprintf(format, args...), info.Name, info.Version, d.commands, member.ErrCommandVersion)
}
