package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core/access"
	"github.com/pontoon-raft/pontoon/core/api"
	"github.com/pontoon-raft/pontoon/core/audit"
)

// classesFor are those of a state machine with commands and queries for administrators, and a
// query for writers.
func classesFor() *access.Classes {
	c := access.NewClasses()
	c.Adopt([]access.Class{
		{Prefix: "admin:", Role: access.Administer},
		{Prefix: "admin:open", Role: access.Write},
		{Prefix: "secret", Query: true, Role: access.Administer},
		{Prefix: "inner", Query: true, Role: access.Write},
	})
	return c
}

// A classRow is what a client asks for, and the role that it needs.
type classRow struct {
	query bool
	data  string
	need  access.Role
}

// tells whether a refusal says all that a client with that role needs to know. The role
// of the method is asked for before that of the class.
func (r classRow) tells(refusal string, role access.Role) bool {
	what, need := "a command", r.need
	switch {
	case r.query:
		what = "a query"
	case role == access.Read:
		what, need = "ropos", access.Write // Propose, Proposals, /v1/propose
	}
	return strings.Contains(refusal, what) && strings.Contains(refusal, fmt.Sprintf("needs the role %v; a-%v, known by its token", need, role))
}

func classRows() []classRow {
	return []classRow{
		{false, "plain", access.Write},
		{false, "", access.Write},
		{false, "admin", access.Write},
		{false, "admin:", access.Administer},
		{false, "admin:drop", access.Administer},
		{false, "admin:opened", access.Write},
		{false, "secret", access.Write},
		{true, "plain", access.Read},
		{true, "admin:drop", access.Read},
		{true, "inner state", access.Write},
		{true, "secret", access.Administer},
	}
}

// startClassed serves svc to the holders of keys, with classes.
func startClassed(t *testing.T, k keys, c *access.Classes, log *audit.Log) *api.Server {
	t.Helper()
	g, err := access.New(&access.Policy{TokensFile: k.file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, api.Options{Service: &fakeService{}, Access: g, Classes: c, Audit: log})
}

// Over gRPC, by each way in: a command or query that needs more than its method is
// refused as a method is that needs more, and says what it needs.
func TestClassesOverGRPC(t *testing.T) {
	k := newKeys(t)
	c := hostClient(t, startClassed(t, k, classesFor(), nil))
	for _, row := range classRows() {
		for _, role := range []access.Role{access.Read, access.Write, access.Administer} {
			ctx, cancel := context.WithCancel(with(t.Context(), k.text[role]))
			for way, err := range waysIn(ctx, t, c, row.query, row.data) {
				if role.May(row.need) {
					if err != nil {
						t.Errorf("%s of %q as %v: %v", way, row.data, role, err)
					}
					continue
				}
				f := failureIn(t, err)
				if status.Code(err) != codes.PermissionDenied || f.GetReason() != "permission_denied" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED ||
					!row.tells(f.GetMessage(), role) {
					t.Errorf("%s of %q as %v: %v", way, row.data, role, err)
				}
			}
			cancel()
		}
	}
}

// waysIn are the errors of a command or query by the name of each method for it.
func waysIn(ctx context.Context, t *testing.T, c hostv1.HostClient, query bool, data string) map[string]error {
	t.Helper()
	if query {
		_, err := c.Query(ctx, &hostv1.QueryRequest{Data: []byte(data)})
		return map[string]error{"Query": err}
	}
	_, err := c.Propose(ctx, &hostv1.ProposeRequest{Data: []byte(data)})
	return map[string]error{"Propose": err, "Proposals": onAStream(ctx, t, c, data)[0]}
}

// onAStream proposes all data in one batch and returns what became of each.
func onAStream(ctx context.Context, t *testing.T, c hostv1.HostClient, data ...string) []error {
	t.Helper()
	outcomes := make([]error, len(data))
	stream, err := c.Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	batch := &hostv1.ProposalBatch{}
	for i, d := range data {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: uint64(i), Data: []byte(d)})
	}
	if err := stream.Send(batch); err != nil {
		t.Fatal(err)
	}
	for answered := 0; answered < len(data); {
		answers, err := stream.Recv()
		if err != nil {
			return []error{err}
		}
		for _, r := range answers.GetResults() {
			answered++
			if f := r.GetFailure(); f != nil {
				outcomes[r.GetId()] = statusFor(t, f)
			}
		}
	}
	return outcomes
}

// statusFor is a Failure of a stream as the unary forms carry it.
func statusFor(t *testing.T, f *hostv1.Failure) error {
	t.Helper()
	code := codes.Unavailable
	if f.GetReason() == "permission_denied" {
		code = codes.PermissionDenied
	}
	st, err := status.New(code, f.GetMessage()).WithDetails(f)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

// The same over JSON.
func TestClassesOverJSON(t *testing.T) {
	k := newKeys(t)
	url := "http://" + startClassed(t, k, classesFor(), nil).Addr().String()
	for _, row := range classRows() {
		path := "/v1/propose"
		if row.query {
			path = "/v1/query"
		}
		for _, role := range []access.Role{access.Read, access.Write, access.Administer} {
			body := fmt.Sprintf(`{"data":%q}`, base64.StdEncoding.EncodeToString([]byte(row.data)))
			code, answer, _ := ask(t, "POST", url+path, k.text[role], body)
			want := http.StatusOK
			if !role.May(row.need) {
				want = http.StatusForbidden
			}
			if code != want || want != http.StatusOK && !row.tells(answer, role) {
				t.Errorf("%s of %q as %v: %d %s", path, row.data, role, code, answer)
			}
		}
	}
}

// In one batch each proposal is judged by itself, and each is answered.
func TestABatchIsClassedOneByOne(t *testing.T) {
	k := newKeys(t)
	c := hostClient(t, startClassed(t, k, classesFor(), nil))
	var data []string
	for i := range 3000 {
		data = append(data, []string{"plain", "admin:drop", "admin:open"}[i%3])
	}
	for i, err := range onAStream(with(t.Context(), k.text[access.Write]), t, c, data...) {
		if denied := i%3 == 1; denied != (status.Code(err) == codes.PermissionDenied) || !denied && err != nil {
			t.Fatalf("proposal %d, %s: %v", i, data[i], err)
		}
	}
}

// A client without a name is asked to show one.
func TestAClassAsksStrangersForAName(t *testing.T) {
	k := newKeys(t)
	g, err := access.New(&access.Policy{TokensFile: k.file, Anonymous: access.Write}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := hostClient(t, start(t, api.Options{Service: &fakeService{}, Access: g, Classes: classesFor()}))
	if _, err := c.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("plain")}); err != nil {
		t.Error(err)
	}
	_, err = c.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("admin:drop")})
	if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), `a command that begins with "admin:" needs the role administer`) {
		t.Errorf("%v", err)
	}
}

// Before the state machine has said what its classes are, a client that may not do
// everything is told to come again; the others are let through. Later lists hold at
// once, also for streams that are open.
func TestUnknownClassesDemandTheMost(t *testing.T) {
	k := newKeys(t)
	classes := access.NewClasses()
	c := hostClient(t, startClassed(t, k, classes, nil))
	writer := with(t.Context(), k.text[access.Write])
	for _, query := range []bool{false, true} {
		for way, err := range waysIn(writer, t, c, query, "plain") {
			f := failureIn(t, err)
			if f.GetReason() != "not_ready" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || f.GetRetryAfterMs() == 0 {
				t.Errorf("%s before the classes are known: %v", way, err)
			}
		}
		for way, err := range waysIn(with(t.Context(), k.text[access.Administer]), t, c, query, "plain") {
			if err != nil {
				t.Errorf("%s of an administrator: %v", way, err)
			}
		}
	}
	stream, err := c.Proposals(writer)
	if err != nil {
		t.Fatal(err)
	}
	propose := func(data string) string {
		if err := stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 1, Data: []byte(data)}}}); err != nil {
			t.Fatal(err)
		}
		answers, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answers.GetResults()[0].GetFailure().GetReason()
	}
	if got := propose("admin:drop"); got != "not_ready" {
		t.Errorf("unknown: %q", got)
	}
	classes.Adopt(nil)
	if got := propose("admin:drop"); got != "" {
		t.Errorf("without classes: %q", got)
	}
	classes.Adopt([]access.Class{{Prefix: "admin:", Role: access.Administer}})
	for _, x := range []struct{ data, want string }{{"admin:drop", "permission_denied"}, {"plain", ""}} {
		if got := propose(x.data); got != x.want {
			t.Errorf("%s after the first list: %q, want %q", x.data, got, x.want)
		}
	}
}

// Without roles nothing is looked at, whatever the state machine says.
func TestWithoutRolesClassesChangeNothing(t *testing.T) {
	for _, classes := range []*access.Classes{classesFor(), access.NewClasses(), nil} {
		c := hostClient(t, start(t, api.Options{Service: &fakeService{}, Classes: classes}))
		for way, err := range waysIn(t.Context(), t, c, false, "admin:drop") {
			if err != nil {
				t.Errorf("%s: %v", way, err)
			}
		}
	}
}

// What a class forbids is recorded at every level, once, by each way in, and as denials
// of methods are counted.
func TestWhatAClassForbidsIsRecorded(t *testing.T) {
	for _, level := range []audit.Level{audit.Changes, audit.All} {
		l, m := auditOn(t, audit.Options{Level: level})
		k := newKeys(t)
		c := hostClient(t, startClassed(t, k, classesFor(), l))
		ctx := with(t.Context(), k.text[access.Write])
		waysIn(ctx, t, c, false, "admin:drop")
		waysIn(ctx, t, c, true, "secret")
		var ops []audit.Op
		for _, line := range requestsIn(t, l, m) {
			if line.Outcome == audit.NotApplied {
				ops = append(ops, line.Op)
				if line.Reason != "permission_denied" || line.Client != "a-write" {
					t.Errorf("%+v", line)
				}
			}
		}
		if got := fmt.Sprint(ops); got != "[propose propose query]" {
			t.Errorf("with the level %v: %s", level, got)
		}
	}
}
