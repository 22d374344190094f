package api

import (
	"errors"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// auditedOps are the requests that are recorded: methods of gRPC by their full
// names, and paths of JSON.
func auditedOps() map[string]audit.Op {
	return map[string]audit.Op{
		hostv1.Host_Propose_FullMethodName:        audit.Propose,
		hostv1.Host_Proposals_FullMethodName:      audit.Propose,
		hostv1.Host_Query_FullMethodName:          audit.Query,
		hostv1.Host_QueryStream_FullMethodName:    audit.Query,
		hostv1.Host_AddMember_FullMethodName:      audit.AddMember,
		hostv1.Host_UpdateMember_FullMethodName:   audit.UpdateMember,
		hostv1.Host_RemoveMember_FullMethodName:   audit.RemoveMember,
		hostv1.Host_TransferLeader_FullMethodName: audit.Transfer,
		hostv1.Host_PluginLines_FullMethodName:    audit.PluginLines,
		hostv1.Host_RestartPlugin_FullMethodName:  audit.RestartPlugin,
		hostv1.Host_UpgradePlugin_FullMethodName:  audit.UpgradePlugin,
		hostv1.Host_MoveStorage_FullMethodName:    audit.MoveStorage,
		hostv1.Host_ReadSnapshot_FullMethodName:   audit.ReadSnapshot,

		"/v1/propose":         audit.Propose,
		"/v1/query":           audit.Query,
		"/v1/query-stream":    audit.Query,
		"/v1/members/add":     audit.AddMember,
		"/v1/members/update":  audit.UpdateMember,
		"/v1/members/remove":  audit.RemoveMember,
		"/v1/leader/transfer": audit.Transfer,
		"/v1/plugins/lines":   audit.PluginLines,
		"/v1/plugins/restart": audit.RestartPlugin,
		"/v1/plugins/upgrade": audit.UpgradePlugin,
		"/v1/storage/move":    audit.MoveStorage,
	}
}

// recordingRefusals is who, with a record of what it refuses: of each request that
// the client may not make, and of those that are recorded anyway.
func recordingRefusals(log *audit.Log, who identifier) identifier {
	if log == nil {
		return who
	}
	ops := auditedOps()
	return func(c caller) (access.Identity, error) {
		id, err := who(c)
		op, known := ops[c.request]
		if err == nil || !known {
			return id, err
		}
		if isForbidden(err) || log.Wants(op) {
			client := id
			client.Address = addressOf(c.address)
			r := audit.Record{Op: op, Client: &client, Call: log.NextCall()}
			conclude(&r, effect{}, err)
			log.End(r)
		}
		return id, err
	}
}

// isForbidden tells whether err refuses what the client's role does not allow: that is
// recorded at every level.
func isForbidden(err error) bool {
	return errors.Is(err, server.ErrPermissionDenied) || errors.Is(err, server.ErrUnauthenticated)
}
