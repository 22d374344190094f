package main

import (
	"log/slog"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/plugins"
)

// hostSettings is the configuration in the words of core.
func hostSettings(c *hostconfig.Config, logger *slog.Logger, log core.LogState) core.Config {
	return core.Config{
		ClusterID: c.Cluster.ID, ID: c.Node.ID, Name: c.Node.Name, Version: versionText(),
		DataDir: c.Node.DataDir, RuntimeDir: c.Node.RuntimeDir,
		Members: memberSettings(c.Cluster.Founding()), Bootstrap: c.Cluster.State == hostconfig.StateNew,

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

		Storage:      pluginSettings(c.Plugins.Storage),
		StateMachine: pluginSettings(c.Plugins.StateMachine),
		Transports:   transportSettings(c.Plugins.Transports()),

		Backends: backends(), Logger: logger, Log: log,
	}
}

func accessSettings(a hostconfig.Access) *core.AccessConfig {
	limits := make(map[string]core.ClientLimit, len(a.Limits))
	for name, l := range a.Limits {
		limits[name] = core.ClientLimit(l)
	}
	return &core.AccessConfig{
		Anonymous: a.Anonymous, Certificates: a.Certificates,
		TokensFile: a.TokensFile, InsecureTokens: a.InsecureTokens, Limits: limits,
	}
}

func auditSettings(a hostconfig.Audit) core.AuditConfig {
	return core.AuditConfig{
		Level: string(a.Level), Dir: a.Dir, MaxFileBytes: int64(a.MaxFileBytes), MaxFiles: a.MaxFiles,
		Sync: string(a.Sync), OnFull: string(a.OnFull), KeyFile: a.KeyFile,
	}
}

func portTLS(t hostconfig.TLS) core.TLSConfig {
	return core.TLSConfig{Cert: t.Cert, Key: t.Key, ClientCA: t.ClientCA, ClientAuth: string(t.ClientAuth)}
}

func memberSettings(configured []hostconfig.Member) []core.MemberConfig {
	all := make([]core.MemberConfig, len(configured))
	for i, m := range configured {
		all[i] = core.MemberConfig{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, ClientAddress: m.ClientAddress}
	}
	return all
}

func transportSettings(configured []hostconfig.TransportPlugin) []core.TransportConfig {
	all := make([]core.TransportConfig, len(configured))
	for i, t := range configured {
		all[i] = core.TransportConfig{
			PluginConfig: pluginSettings(t.Plugin), Listen: t.Listen, Advertise: t.Advertise,
		}
	}
	return all
}

func pluginSettings(p hostconfig.Plugin) core.PluginConfig {
	return core.PluginConfig{
		Name: p.Name, Command: p.Command, SHA256: p.SHA256, Isolation: string(p.Isolation), Env: p.Env, Config: p.Config,
	}
}
