package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// Every method does for each role what the role may do, and refuses the rest as
// not applied, with what is needed and what the client has.
func TestRolesOverGRPC(t *testing.T) {
	k := newKeys(t)
	c := hostClient(t, startWith(t, &fakeService{}, access.Policy{TokensFile: k.file}, api.Limits{}))
	if methods := len(hostv1.Host_ServiceDesc.Methods) + len(hostv1.Host_ServiceDesc.Streams); len(rpcs()) != methods {
		t.Errorf("%d methods are tried of %d", len(rpcs()), methods)
	}
	for method, row := range rpcs() {
		for _, role := range []access.Role{access.None, access.Read, access.Write, access.Administer} {
			t.Run(fmt.Sprintf("%s as %v", method, role), func(t *testing.T) {
				ctx, cancel := context.WithCancel(with(t.Context(), k.text[role]))
				defer cancel()
				err := row.call(ctx, c)
				if role.May(row.need) {
					if err != nil {
						t.Errorf("refused: %v", err)
					}
					return
				}
				f, code := failureIn(t, err), codes.PermissionDenied
				if role == access.None {
					code = codes.Unauthenticated
				}
				if status.Code(err) != code || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED ||
					!strings.Contains(f.GetMessage(), fmt.Sprintf("%s needs the role %v", method, row.need)) {
					t.Errorf("%v with %v", err, f)
				}
			})
		}
	}
}

// The same for the paths of both ports, of which health needs no role.
func TestRolesOverHTTP(t *testing.T) {
	k := newKeys(t)
	s := startWith(t, &fakeService{}, access.Policy{TokensFile: k.file}, api.Limits{})
	client, admin := "http://"+s.Addr().String(), "http://"+s.AdminAddr().String()
	for _, row := range []struct {
		method, url, body string
		need              access.Role
	}{
		{"POST", client + "/v1/propose", `{"data":"eA=="}`, access.Write},
		{"POST", client + "/v1/query", `{}`, access.Read},
		{"POST", client + "/v1/query-stream", `{}`, access.Read},
		{"GET", client + "/v1/query-stream?data=YQ", "", access.Read},
		{"POST", client + "/v1/read-barrier", `{}`, access.Read},
		{"GET", client + "/v1/status", "", access.Read},
		{"GET", client + "/v1/members", "", access.Read},
		{"POST", client + "/v1/members/add", `{"member":{"name":"n3","peer_urls":["pigeon://loft:1"]}}`, access.Administer},
		{"POST", client + "/v1/members/update", `{"member":{"id":"a","peer_urls":["pigeon://loft:1"]}}`, access.Administer},
		{"POST", client + "/v1/members/remove", `{"id":"a"}`, access.Administer},
		{"POST", client + "/v1/leader/transfer", `{}`, access.Administer},
		{"POST", client + "/v1/plugins/lines", `{"kind":"storage"}`, access.Administer},
		{"POST", client + "/v1/plugins/restart", `{"kind":"storage"}`, access.Administer},
		{"POST", client + "/v1/plugins/upgrade", `{"kind":"storage"}`, access.Administer},
		{"POST", client + "/v1/storage/move", `{"to":"pebble"}`, access.Administer},
		{"GET", admin + "/livez", "", access.None},
		{"GET", admin + "/readyz", "", access.None},
		{"GET", admin + "/", "", access.None},
		{"GET", admin + "/metrics", "", access.Read},
		{"GET", admin + "/debug/pprof/", "", access.Administer},
		{"GET", admin + "/debug/pprof/cmdline", "", access.Administer},
		{"GET", admin + "/debug/pprof/goroutine?debug=1", "", access.Administer},
	} {
		for _, role := range []access.Role{access.None, access.Read, access.Write, access.Administer} {
			code, body, header := ask(t, row.method, row.url, k.text[role], row.body)
			want := http.StatusOK
			switch {
			case role.May(row.need):
			case role == access.None:
				want = http.StatusUnauthorized
			default:
				want = http.StatusForbidden
			}
			if code != want || want != http.StatusOK && !strings.Contains(body, fmt.Sprintf("needs the role %v", row.need)) {
				t.Errorf("%s %s as %v: %d %s, want %d", row.method, row.url, role, code, body, want)
			}
			if (code == http.StatusUnauthorized) != (header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("%d asks for %q", code, header.Get("WWW-Authenticate"))
			}
		}
	}
}

// Health asks for nothing, whatever is shown; everything else refuses a token that
// is not accepted, even where a client without one may do it.
func TestWrongTokensAreRefusedEverywhereButAtHealth(t *testing.T) {
	s := startWith(t, &fakeService{}, access.Policy{TokensFile: newKeys(t).file, Anonymous: access.Administer}, api.Limits{})
	conn := dial(t, s)
	ctx := with(t.Context(), "pontoon_nonsense")
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("health: %v", err)
	}
	for method, row := range rpcs() {
		if err := row.call(ctx, hostv1.NewHostClient(conn)); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", method, err)
		}
		if err := row.call(t.Context(), hostv1.NewHostClient(conn)); err != nil {
			t.Errorf("%s without a token: %v", method, err)
		}
	}
}

// A Proposals stream whose token is revoked answers what it has read, and ends with
// the word that nothing else was applied.
func TestAStreamEndsWithItsToken(t *testing.T) {
	k := newKeys(t)
	svc := &fakeService{hold: true}
	c := hostClient(t, startWith(t, svc, access.Policy{TokensFile: k.file}, api.Limits{}))
	stream, err := c.Proposals(with(t.Context(), k.text[access.Write]))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 7, Data: []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	within(t, "the proposal is read", func() bool { return svc.heldCount() == 1 })
	if _, err := access.RevokeToken(k.file, "a-write", time.Now()); err != nil {
		t.Fatal(err)
	}
	within(t, "the token is not accepted", func() bool {
		_, err := c.Status(with(t.Context(), k.text[access.Write]), &hostv1.StatusRequest{})
		return status.Code(err) == codes.Unauthenticated
	})
	svc.release(nil)
	if got, err := stream.Recv(); err != nil || got.GetResults()[0].GetId() != 7 || got.GetResults()[0].GetFailure() != nil {
		t.Errorf("the answer to what was read: %v, %v", got, err)
	}
	_, err = stream.Recv()
	if f := failureIn(t, err); f.GetReason() != "unauthenticated" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || !strings.Contains(f.GetMessage(), "was revoked at") {
		t.Errorf("the end: %v", f)
	}
	if _, err := c.Status(with(t.Context(), k.text[access.Read]), &hostv1.StatusRequest{}); err != nil {
		t.Errorf("another token: %v", err)
	}
}

// One client's limits refuse that client and no other, over every way in.
func TestLimitsOfOneClient(t *testing.T) {
	k := newKeys(t)
	svc := &fakeService{hold: true}
	s := startWith(t, svc, access.Policy{TokensFile: k.file, Limits: map[string]access.Limit{
		"a-write": {ProposalsInFlight: 2}, "a-read": {RequestsPerSecond: 1}, "a-administer": {Connections: 1},
	}}, api.Limits{})
	c := hostClient(t, s)

	stream, err := c.Proposals(with(t.Context(), k.text[access.Write]))
	if err != nil {
		t.Fatal(err)
	}
	batch := &hostv1.ProposalBatch{}
	for id := range uint64(3) {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: id, Data: []byte("x")})
	}
	if err := stream.Send(batch); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil || len(got.GetResults()) != 1 || got.GetResults()[0].GetId() != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if f := got.GetResults()[0].GetFailure(); f.GetReason() != "too_many_requests" || f.GetRetryAfterMs() == 0 || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || !strings.Contains(f.GetMessage(), "proposals_in_flight is 2") {
		t.Errorf("the third proposal: %v", f)
	}
	if code, body, _ := ask(t, "POST", "http://"+s.Addr().String()+"/v1/propose", k.text[access.Write], `{"data":"eA=="}`); code != http.StatusTooManyRequests {
		t.Errorf("a fourth one, as JSON: %d %s", code, body)
	}
	svc.release(nil)
	if got, err := stream.Recv(); err != nil || len(got.GetResults()) == 0 {
		t.Errorf("%v, %v", got, err)
	}

	read := func() error {
		_, err := c.Status(with(t.Context(), k.text[access.Read]), &hostv1.StatusRequest{})
		return err
	}
	if first, second := read(), read(); first != nil || status.Code(second) != codes.ResourceExhausted {
		t.Errorf("requests: %v, then %v", first, second)
	}

	administer := func(c hostv1.HostClient) error {
		_, err := c.Status(with(t.Context(), k.text[access.Administer]), &hostv1.StatusRequest{})
		return err
	}
	conn := dial(t, s)
	first, second, again := administer(hostv1.NewHostClient(conn)), administer(c), administer(hostv1.NewHostClient(conn))
	if first != nil || status.Code(second) != codes.ResourceExhausted || again != nil {
		t.Errorf("connections: %v, then %v on another, then %v", first, second, again)
	}
	conn.Close()
	within(t, "a place for another connection", func() bool { return administer(c) == nil })
}

// Guesses are requests of their address: over its limit they are refused as such, and
// a client of that address with a token of its own goes on.
func TestWrongTokensCountForTheirAddress(t *testing.T) {
	k := newKeys(t)
	s := startWith(t, &fakeService{}, access.Policy{TokensFile: k.file, Limits: map[string]access.Limit{
		access.Others: {RequestsPerSecond: 3}, "a-read": {},
	}}, api.Limits{})
	c := hostClient(t, s)
	codesOf := map[codes.Code]int{}
	for range 10 {
		_, err := c.Status(with(t.Context(), "pontoon_nonsense"), &hostv1.StatusRequest{})
		codesOf[status.Code(err)]++
	}
	if codesOf[codes.Unauthenticated] < 3 || codesOf[codes.ResourceExhausted] == 0 || len(codesOf) != 2 {
		t.Errorf("ten guesses, three in a second allowed: %v", codesOf)
	}
	if _, err := c.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a proposal without a token, of the same address: %v", err)
	}
	if _, err := c.Status(with(t.Context(), k.text[access.Read]), &hostv1.StatusRequest{}); err != nil {
		t.Errorf("a client with a token, of the same address: %v", err)
	}
}
