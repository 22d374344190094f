package main

import (
	"log/slog"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
)

// hostSettings is the configuration in the words of core.
func hostSettings(c *hostconfig.Config, logger *slog.Logger, log server.LogState) core.Config {
	return core.Config{
		ClusterID: c.Cluster.ID, ID: member.ID(c.Node.ID), Name: c.Node.Name, Version: versionText(),
		DataDir: c.Node.DataDir, RuntimeDir: c.Node.RuntimeDir,
		Members: foundingMembers(c.Cluster.Founding()), Bootstrap: c.Cluster.State == hostconfig.StateNew,

		Tick: c.Raft.Tick, Election: c.Raft.Election,
		SnapshotEntries: c.Raft.SnapshotEntries, SnapshotBytes: c.Raft.SnapshotLogBytes,
		CatchUpEntries: c.Raft.CatchUpEntries, CatchUpBytes: c.Raft.CatchUpBytes, MaxInflightAppends: c.Raft.MaxInflightAppends,
		RehearseSnapshots: c.Raft.CheckSnapshots == hostconfig.CheckRestore,
		Limits:            plugins.ProtocolLimits(c.Limits.MaxBatchBytes, c.Limits.MaxChunkBytes),

		MaxValueBytes: int(c.API.MaxValueBytes), MaxPending: c.API.MaxPendingProposals,
		MaxPendingBytes: int64(c.API.MaxPendingBytes), MaxConnections: c.API.MaxConnections,
		MaxStreams: c.API.MaxStreams, MaxCalls: c.API.MaxCalls,
		HostNames: c.API.HostNames, Access: accessSettings(c.API.Access), ClientAddress: c.API.Listen, AdminAddress: c.Admin.Listen,

		Audit: auditSettings(c.Audit),

		ClientTLS: portTLS(c.API.TLS), ClientInsecure: c.API.Insecure,
		AdminTLS: portTLS(c.Admin.TLS), AdminInsecure: c.Admin.Insecure,

		Storage:      pluginSettings(plugins.Storage, c.Plugins.Storage),
		StateMachine: pluginSettings(plugins.StateMachine, c.Plugins.StateMachine),
		Transports:   transportSettings(c.Plugins.Transports()),

		Backends: backends(), Logger: logger, Log: log,
	}
}

// accessSettings is the policy for clients, whose roles Load has checked.
func accessSettings(a hostconfig.Access) *access.Policy {
	role := func(name string) access.Role {
		r, err := access.ParseRole(name)
		if err != nil {
			return access.None
		}
		return r
	}
	p := &access.Policy{
		Anonymous: role(a.Anonymous), TokensFile: a.TokensFile, InsecureTokens: a.InsecureTokens,
		Certificates: map[string]access.Role{}, Limits: map[string]access.Limit{},
	}
	for name, r := range a.Certificates {
		p.Certificates[name] = role(r)
	}
	for name, l := range a.Limits {
		p.Limits[name] = access.Limit(l)
	}
	return p
}

func auditSettings(a hostconfig.Audit) audit.Options {
	return audit.Options{
		Level: audit.Level(a.Level), Dir: a.Dir, MaxFileBytes: int64(a.MaxFileBytes), MaxFiles: a.MaxFiles,
		Sync: audit.SyncPolicy(a.Sync), OnFull: audit.FullPolicy(a.OnFull), KeyFile: a.KeyFile,
	}
}

func portTLS(t hostconfig.TLS) api.TLS {
	return api.TLS{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, ClientAuth: api.ClientAuth(t.ClientAuth)}
}

func foundingMembers(configured []hostconfig.Member) []member.Member {
	all := make([]member.Member, len(configured))
	for i, m := range configured {
		all[i] = member.Member{ID: member.ID(m.ID), Name: m.Name, PeerURLs: m.PeerURLs, ClientAddress: m.ClientAddress}
	}
	return all
}

func transportSettings(configured []hostconfig.TransportPlugin) []core.TransportConfig {
	all := make([]core.TransportConfig, len(configured))
	for i, t := range configured {
		all[i] = core.TransportConfig{
			PluginConfig: pluginSettings(plugins.Transport, t.Plugin), Listen: t.Listen, Advertise: t.Advertise,
		}
	}
	return all
}

func pluginSettings(kind plugins.Kind, p hostconfig.Plugin) core.PluginConfig {
	return core.PluginConfig{
		Spec: catalog.Spec{
			Kind: kind, Name: p.Name, Command: p.Command, SHA256: p.SHA256,
			Isolation: catalog.Isolation(p.Isolation), Env: p.Env,
		},
		Config: p.Config,
	}
}
