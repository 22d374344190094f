package api

import (
	"strings"

	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
)

// profiles begins the paths of all profiles: their names are Go's.
const profiles = "/debug/pprof/"

// needs is the one table of the roles that requests need: methods of gRPC by
// their full names, and paths of either port.
func needs() map[string]access.Role {
	return map[string]access.Role{
		hostv1.Host_Propose_FullMethodName:        access.Write,
		hostv1.Host_Proposals_FullMethodName:      access.Write,
		hostv1.Host_Query_FullMethodName:          access.Read,
		hostv1.Host_QueryStream_FullMethodName:    access.Read,
		hostv1.Host_ReadBarrier_FullMethodName:    access.Read,
		hostv1.Host_Status_FullMethodName:         access.Read,
		hostv1.Host_Members_FullMethodName:        access.Read,
		hostv1.Host_AddMember_FullMethodName:      access.Administer,
		hostv1.Host_UpdateMember_FullMethodName:   access.Administer,
		hostv1.Host_RemoveMember_FullMethodName:   access.Administer,
		hostv1.Host_TransferLeader_FullMethodName: access.Administer,
		hostv1.Host_PluginLines_FullMethodName:    access.Administer,
		hostv1.Host_RestartPlugin_FullMethodName:  access.Administer,
		hostv1.Host_UpgradePlugin_FullMethodName:  access.Administer,
		hostv1.Host_MoveStorage_FullMethodName:    access.Administer,
		hostv1.Host_ReadSnapshot_FullMethodName:   access.Administer,
		hostv1.Host_Events_FullMethodName:         access.Read,

		grpc_health_v1.Health_Check_FullMethodName: access.None,
		grpc_health_v1.Health_Watch_FullMethodName: access.None,
		grpc_health_v1.Health_List_FullMethodName:  access.None,

		reflectionv1.ServerReflection_ServerReflectionInfo_FullMethodName:      access.Read,
		reflectionv1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: access.Read,

		"/v1/propose":         access.Write,
		"/v1/query":           access.Read,
		"/v1/query-stream":    access.Read,
		"/v1/read-barrier":    access.Read,
		"/v1/status":          access.Read,
		"/v1/members":         access.Read,
		"/v1/members/add":     access.Administer,
		"/v1/members/update":  access.Administer,
		"/v1/members/remove":  access.Administer,
		"/v1/leader/transfer": access.Administer,
		"/v1/plugins/lines":   access.Administer,
		"/v1/plugins/restart": access.Administer,
		"/v1/plugins/upgrade": access.Administer,
		"/v1/storage/move":    access.Administer,
		"/v1/events":          access.Read,

		"/livez":   access.None,
		"/readyz":  access.None,
		"/metrics": access.Read,
		profiles:   access.Administer,
		"/":        access.None,
	}
}

// need is the role that a request needs, and what it is called in a refusal. A
// request that is not in the table needs the most: it is better refused than
// forgotten.
func need(table map[string]access.Role, request string) (access.Role, string) {
	if strings.HasPrefix(request, profiles) {
		return table[profiles], request
	}
	role, ok := table[request]
	if !ok {
		return access.Administer, request
	}
	if method, ours := strings.CutPrefix(request, "/"+hostv1.Host_ServiceDesc.ServiceName+"/"); ours {
		return role, method
	}
	return role, request
}
