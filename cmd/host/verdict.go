package main

import (
	"fmt"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/server"
)

// pluginReady is the state of a plugin that serves.
const pluginReady = "ready"

// healthy reports whether all members answer, belong to one cluster, follow
// one leader in its term, have all plugins ready, warn of nothing, and have a
// way to each other.
func (s clusterStatus) healthy() bool {
	leaders := 0
	for _, m := range s.Members {
		if !m.Reachable || m.Error != "" || m.Role == "none" || s.astray(m) != "" || slices.ContainsFunc(m.Warnings, warning.unhealthy) {
			return false
		}
		if m.Role == "leader" {
			leaders++
		}
		for _, p := range m.Plugins {
			if p.State != pluginReady || p.Warning != "" {
				return false
			}
		}
		for _, l := range m.Links {
			if l.Error != "" {
				return false
			}
		}
	}
	return leaders == 1
}

// unhealthy tells whether it is a matter of health: a port that every client may use
// is not one, and stays as it is configured; a certificate that ends some day is not
// yet; members of two builds are every upgrade's way, step by step with a check after
// each.
func (w warning) unhealthy() bool {
	return !slices.Contains([]string{server.WarnUnverifiedPeers, server.WarnCertificateExpires, server.WarnLevelHeld}, w.Reason)
}

// astray says of a member that answers how it is not with the leader; empty if
// it is.
func (s clusterStatus) astray(m memberStatus) string {
	switch {
	case m.Leader == "":
		return "knows no leader"
	case m.Leader != s.Leader || m.Term != s.term:
		return fmt.Sprintf("follows %s in term %d, and %s leads in term %d", m.Leader, m.Term, orDash(s.Leader), s.term)
	}
	return ""
}
