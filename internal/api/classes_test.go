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
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/audit"
)

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

// A request that a class forbids is recorded at every level, once, by each way in, and as denials
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
