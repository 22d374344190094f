package api_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// The name in a certificate has its role on both ports, and a token shown besides
// counts before it.
func TestRolesByCertificateOverTLS(t *testing.T) {
	a, k := newAuthority(t), newKeys(t)
	g, err := access.New(&access.Policy{
		Certificates: map[string]access.Role{"ops": access.Administer, "app": access.Write, access.Others: access.Read}, TokensFile: k.file,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	port := a.port(t, api.AuthOptional)
	s := start(t, api.Options{Service: &fakeService{}, Access: g, TLS: port, AdminTLS: port, Gatherer: prometheus.NewRegistry()})
	for _, who := range []struct {
		name, token string
		role        access.Role
	}{
		{"ops", "", access.Administer},
		{"app", "", access.Write},
		{"web", "", access.Read},
		{"", "", access.None},
		{"", k.text[access.Write], access.Write},
		{"ops", k.text[access.Read], access.Read},
	} {
		var shown []tls.Certificate
		if who.name != "" {
			shown = append(shown, a.client(t, who.name))
		}
		conn, err := grpc.NewClient("passthrough:///"+s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(a.trusting(shown...))))
		if err != nil {
			t.Fatal(err)
		}
		for method, row := range rpcs() {
			ctx, cancel := context.WithCancel(with(t.Context(), who.token))
			if err := row.call(ctx, hostv1.NewHostClient(conn)); (err == nil) != who.role.May(row.need) {
				t.Errorf("%+v: %s: %v", who, method, err)
			}
			cancel()
		}
		conn.Close()
		for path, need := range map[string]access.Role{"/livez": access.None, "/metrics": access.Read, "/debug/pprof/cmdline": access.Administer} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.AdminAddr().String()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if who.token != "" {
				req.Header.Set("Authorization", "Bearer "+who.token)
			}
			resp, err := web(t, a.trusting(shown...)).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if (resp.StatusCode == http.StatusOK) != who.role.May(need) {
				t.Errorf("%+v: %s: %s", who, path, resp.Status)
			}
		}
	}
}
