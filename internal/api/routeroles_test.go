package api_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"runtime/pprof"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// routeRoles is what docs/security.md promises of each request, written down a second
// time: a route without a row here fails the test.
func routeRoles() (methods, paths, adminPaths map[string]access.Role) {
	const (
		host       = "/pontoon.host.v1.Host/"
		health     = "/grpc.health.v1.Health/"
		reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
		alpha      = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
	)
	methods = map[string]access.Role{
		host + "Propose": access.Write, host + "Proposals": access.Write,
		host + "Query": access.Read, host + "QueryStream": access.Read, host + "ReadBarrier": access.Read, host + "Status": access.Read, host + "Members": access.Read,
		host + "AddMember": access.Administer, host + "UpdateMember": access.Administer, host + "RemoveMember": access.Administer,
		host + "TransferLeader": access.Administer, host + "PluginLines": access.Administer, host + "RestartPlugin": access.Administer, host + "UpgradePlugin": access.Administer, host + "MoveStorage": access.Administer, host + "ReadSnapshot": access.Administer, host + "Events": access.Read,
		health + "Check": access.None, health + "Watch": access.None, health + "List": access.None,
		reflection: access.Read, alpha: access.Read,
	}
	paths = map[string]access.Role{
		"/v1/propose": access.Write, "/v1/query": access.Read, "/v1/query-stream": access.Read, "/v1/read-barrier": access.Read, "/v1/status": access.Read, "/v1/members": access.Read,
		"/v1/members/add": access.Administer, "/v1/members/update": access.Administer, "/v1/members/remove": access.Administer,
		"/v1/leader/transfer": access.Administer, "/v1/plugins/lines": access.Administer, "/v1/plugins/restart": access.Administer, "/v1/plugins/upgrade": access.Administer, "/v1/storage/move": access.Administer, "/v1/events": access.Read,
	}
	adminPaths = map[string]access.Role{
		"/": access.None, "/livez": access.None, "/readyz": access.None, "/metrics": access.Read,
		"/debug/pprof/": access.Administer, "/debug/pprof/cmdline": access.Administer, "/debug/pprof/profile": access.Administer,
		"/debug/pprof/symbol": access.Administer, "/debug/pprof/trace": access.Administer,
	}
	return methods, paths, adminPaths
}

// A wayIn is a transport, and how a client shows its name there.
type wayIn struct {
	name   string
	secure bool
	byName bool // in a certificate, and not by a token
}

// Every route lets in those whose role suffices and refuses all others, by every
// transport and however they show their name.
func TestEveryRouteHasItsRoleByEveryTransport(t *testing.T) {
	// A profile would take a second; one that is under way refuses it at once.
	if pprof.StartCPUProfile(io.Discard) == nil {
		defer pprof.StopCPUProfile()
	}
	k := newKeys(t)
	for _, way := range []wayIn{{name: "tokens"}, {name: "tokens over TLS", secure: true}, {name: "certificates", secure: true, byName: true}} {
		t.Run(way.name, func(t *testing.T) {
			a := newAuthority(t)
			policy := access.Policy{TokensFile: k.file, Certificates: map[string]access.Role{}}
			for role := range k.text {
				policy.Certificates["a-"+role.String()] = role
			}
			g, err := access.New(&policy, nil)
			if err != nil {
				t.Fatal(err)
			}
			o := api.Options{Service: &fakeService{}, Access: g, Gatherer: prometheus.NewRegistry()}
			if way.secure {
				o.TLS = a.port(t, api.AuthOptional)
				o.AdminTLS = o.TLS
			}
			s := start(t, o)
			methods, paths, adminPaths := s.Routes()
			wantMethods, wantPaths, wantAdminPaths := routeRoles()
			sameRoutes(t, methods, wantMethods)
			sameRoutes(t, paths, wantPaths)
			sameRoutes(t, adminPaths, wantAdminPaths)
			// A path without a route needs the most; so does a profile under any
			// name.
			wantPaths["/v1/unheard"], wantAdminPaths["/debug/pprof/heap"], wantAdminPaths["/unheard"] = access.Administer, access.Administer, access.Administer
			for _, role := range []access.Role{access.None, access.Read, access.Write, access.Administer} {
				c := visitor{t: t, token: k.text[role], scheme: "http"}
				if way.secure {
					c.scheme, c.tls = "https", a.trusting()
				}
				if way.byName && role != access.None {
					c.token, c.tls = "", a.trusting(a.client(t, "a-"+role.String()))
				}
				for method, need := range wantMethods {
					c.judge(method, role, need, c.invoke(s, method))
				}
				for path, need := range wantPaths {
					c.judge(path, role, need, c.get(s.Addr().String(), path))
				}
				for path, need := range wantAdminPaths {
					c.judge(path, role, need, c.get(s.AdminAddr().String(), path))
				}
			}
		})
	}
}

func sameRoutes(t *testing.T, have map[string]bool, rows map[string]access.Role) {
	t.Helper()
	for route := range have {
		if _, ok := rows[route]; !ok {
			t.Errorf("%s is served, and no role is promised for it", route)
		}
	}
	for route := range rows {
		if !have[route] {
			t.Errorf("%s has a role, and is not served", route)
		}
	}
}

// A visitor asks for routes in one way.
type visitor struct {
	t      *testing.T
	token  string
	scheme string
	tls    *tls.Config
}

// judge fails the test unless a client of that role was let in just if it may be.
func (c *visitor) judge(route string, role, need access.Role, refused string) {
	c.t.Helper()
	want := ""
	switch {
	case role.May(need):
	case role == access.None:
		want = "unauthenticated"
	default:
		want = "permission denied"
	}
	if refused != want {
		c.t.Errorf("%s as %v: refused with %q, want %q", route, role, refused, want)
	}
}

// invoke calls a method with an empty message, and says how its client was refused.
func (c *visitor) invoke(s *api.Server, method string) string {
	c.t.Helper()
	kept := insecure.NewCredentials()
	if c.tls != nil {
		kept = credentials.NewTLS(c.tls.Clone())
	}
	conn, err := grpc.NewClient("passthrough:///"+s.Addr().String(), grpc.WithTransportCredentials(kept))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(with(c.t.Context(), c.token))
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = stream.SendMsg([]byte{})
	_ = stream.CloseSend()
	switch err := stream.RecvMsg(nil); status.Code(err) {
	case codes.Unauthenticated:
		return "unauthenticated"
	case codes.PermissionDenied:
		return "permission denied"
	case codes.Unavailable, codes.Unimplemented, codes.Canceled:
		c.t.Errorf("%s: %v", method, err)
	}
	return ""
}

// get asks for a path, and says how its client was refused. Whether the method fits the
// path comes after the role.
func (c *visitor) get(address, path string) string {
	c.t.Helper()
	query := ""
	if path == "/debug/pprof/trace" {
		query = "?seconds=0.01"
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, fmt.Sprintf("%s://%s%s%s", c.scheme, address, path, query), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	transport := &http.Transport{TLSClientConfig: c.tls, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		return "unauthenticated"
	case http.StatusForbidden:
		return "permission denied"
	}
	return ""
}
